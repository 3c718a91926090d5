"""Arrow IPC streams as rows: many messages at once, each judged as if it were alone."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from vigil.events.content import ARROW_STREAM
from vigil.events.decode import Decoded, Limits, Payloads, decode_columns
from vigil.events.schema import EVENTS

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
WANTED = ("time", "service", "duration_ms")


def stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def table(service: str, **columns: object) -> pa.Table:
    time = pa.array([NOW], pa.timestamp("us", "UTC"))
    return pa.table({"time": time, "service": [service], "duration_ms": [1.0], **columns})


def read(*values: bytes, wanted: tuple[str, ...] = WANTED) -> Decoded:
    payloads = Payloads([ARROW_STREAM] * len(values), values, "message {}".format)
    return decode_columns(payloads, EVENTS, NOW, Limits(), wanted)


def services(decoded: Decoded) -> list[str]:
    return decoded.records["service"].to_list()


def test_messages_of_other_layouts_keep_their_place_among_the_others():
    """Columns in another order, more of them, other types of text: rows stay in order."""
    turned = table("b").select(["duration_ms", "service", "time"])
    large = table("c").set_column(1, "service", pa.array(["c"], pa.large_string()))
    more = table("d", route=["/d"], unknown=[1])
    decoded = read(*map(stream, (table("a"), turned, large, more, table("e"))))
    assert services(decoded) == ["a", "b", "c", "d", "e"]
    assert decoded.source.tolist() == [0, 1, 2, 3, 4]


def test_a_broken_message_is_one_dead_letter_and_its_neighbours_come_through():
    """Cut off, no stream at all, and text that is no UTF-8."""
    sound = stream(table("sound"))
    broken = bytes(stream(table("ab"))).replace(b"ab", b"\xff\xfe")
    decoded = read(sound, sound[:300], b"\xff\xff\xff\xffnone", broken, sound)
    assert services(decoded) == ["sound", "sound"]
    assert decoded.dead["place"].to_list() == ["message 1", "message 2", "message 3"]
    assert set(decoded.dead["rule"]) == {"must be an Arrow IPC stream"}


def as_offsets(numbers: list[int]) -> bytes:
    return np.array(numbers, np.int32).tobytes()


@pytest.mark.parametrize("offsets", [[0, 9, 4], [0, -2, 4], [0, 2, 400]])
def test_text_that_points_elsewhere_is_one_dead_letter(offsets):
    """Backwards, before its bytes, beyond them: nothing of it is looked at."""
    two = stream(pa.concat_tables([table("abcd"), table("efgh")]).combine_chunks())
    assert two.count(as_offsets([0, 4, 8])) == 1
    broken = two.replace(as_offsets([0, 4, 8]), as_offsets(offsets))
    decoded = read(stream(table("sound")), broken, stream(table("größer")))
    assert services(decoded) == ["sound", "größer"]
    assert decoded.dead["place"].to_list() == ["message 1"]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (table("a").append_column("service", [["b"]]), "column service comes more than once"),
        (pa.table({"unknown": [1, 2]}), "none of its columns is time, service, duration_ms"),
        (
            table("a").set_column(2, "duration_ms", [[[1.0]]]),
            "column duration_ms has type list<item: double>",
        ),
    ],
)
def test_columns_that_cannot_be_told_apart_or_read_are_named(given, reason):
    """The whole message is the dead letter, for no row of it can be understood."""
    decoded = read(stream(given))
    assert decoded.records.is_empty()
    assert decoded.dead["value"].to_list() == [reason]


def test_a_dead_row_shows_the_columns_that_are_not_wanted_too():
    """Whoever looks for the reason sees the row as it came, though it was not read whole."""
    row = table("a", tenant=["shop"]).set_column(2, "duration_ms", [[-1.0]])
    [letter] = read(stream(row)).dead.to_dicts()
    assert letter["rule"] == "must be >= 0"
    assert '"tenant":"shop"' in letter["raw"]

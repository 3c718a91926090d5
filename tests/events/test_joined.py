"""Values in one piece behave as a list of them."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from vigil.events.content import JSON, NDJSON, numbers_by_form
from vigil.events.decode import Limits, Payloads, decode_columns
from vigil.events.joined import Joined, beginnings, sizes_of
from vigil.events.schema import EVENTS

VALUES = st.lists(st.binary(max_size=6), max_size=8)


def joined(values: list[bytes]) -> Joined:
    """The values in one piece."""
    size = np.array([len(value) for value in values], np.int64)
    end = np.cumsum(size + 1) - 1
    return Joined(b"\n".join(values), end - size, end)


@given(values=VALUES, first=st.integers(-9, 9), last=st.integers(-9, 9))
def test_it_reads_as_a_list(values, first, last):
    """By number, by range, one after the other."""
    found = joined(values)
    assert len(found) == len(values)
    assert list(found) == [found[number] for number in range(len(values))] == values
    assert list(found[first:last]) == values[first:last]
    assert sizes_of(found).tolist() == sizes_of(values).tolist() == list(map(len, values))
    assert beginnings(found, 3) == beginnings(values, 3)


@given(parts=st.lists(VALUES, min_size=1, max_size=4))
def test_pieces_may_be_put_together(parts):
    """Also empty ones, and those cut from others."""
    whole = Joined.of([joined(part) for part in parts])
    assert list(whole) == [value for part in parts for value in part]
    assert list(Joined.of([whole[1:], whole[:1]])) == [*list(whole)[1:], *list(whole)[:1]]


@pytest.mark.parametrize(
    ("values", "are_lines"), [([b"a", b"b"], True), ([b"a\nb", b"c"], False), ([b"", b""], True)]
)
def test_it_knows_whether_each_is_a_line(values, are_lines):
    """A value may hold line feeds of its own."""
    assert joined(values).has_lines() is are_lines


def event(service: str) -> bytes:
    """A whole event on a line."""
    fields = f'"time":"2026-03-02T12:00:00Z","service":"{service}","route":"/r","method":"GET"'
    return f'{{{fields},"kind":"server","status":200,"duration_ms":1.5}}'.encode()


PIECES = [
    event("cart"), event("stock"), event("a\\u0000b"), b" " + event("cart") + b"\r",
    event("cart") + b"\n" + event("stock"), event("cart").replace(b",", b",\n"),
    event("cart").replace(b"200", b'"many"'), b"", b" ", b"\n", b"{}", b"[1]", b"{", b"\xff",
    b'{"resourceSpans":[]}', b"[" + event("cart") + b"," + event("stock") + b"]",
    event("x" * 300),
]  # fmt: skip


@given(
    values=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    types=st.lists(st.sampled_from([JSON, JSON, NDJSON, ""]), min_size=6, max_size=6),
    alike=st.booleans(),
)
def test_records_and_dead_letters_are_those_of_single_values(values, types, alike):
    """However the log hands values over, the same is read from them."""
    types = ([types[0]] * 6 if alike else types)[: len(values)]
    assert numbers_by_form(types, joined(values)) == numbers_by_form(types, values)
    now_at, limits = datetime(2026, 3, 2, 13, tzinfo=UTC), Limits(max_line_bytes=400)
    whole, single = (
        decode_columns(Payloads(types, found, lambda n: f"at {n}"), EVENTS, now_at, limits)
        for found in (joined(values), values)
    )
    assert_frame_equal(whole.records, single.records)
    assert whole.source.tolist() == single.source.tolist()
    kept = [name for name in single.dead.columns if name != "raw"]
    assert_frame_equal(whole.dead.select(kept), single.dead.select(kept))
    assert whole.dead["raw"].str.strip_chars().equals(single.dead["raw"].str.strip_chars())

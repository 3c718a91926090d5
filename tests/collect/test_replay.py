"""Dead letters are counted, shown, mended and sent again, each exactly once."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from vigil.collect.dead_letters import count_reasons, read_letters
from vigil.collect.replay import TOPIC_REPLAYS, Mending, replay
from vigil.errors import LogError
from vigil.events.access_logs import FORMATS, AccessLog, access_log_type
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import EVENTS, TOPIC_DEAD_LETTERS, TOPIC_EVENTS
from vigil.stores.log import Message
from vigil.stores.memory_log import MemoryLog

GOOD = {"time": "2026-03-31T00:00:00Z", "service": "a", "duration_ms": 1}
NEGATIVE = GOOD | {"duration_ms": -5}
NAMELESS = {name: value for name, value in GOOD.items() if name != "service"}


def buried(event_log, *records, content_type=NDJSON):
    """Decode records and bury those that are bad, as a scorer does."""
    lines = "\n".join(r if isinstance(r, str) else json.dumps(r) for r in records)
    payload = Payload(content_type, lines.encode(), "somewhere")
    decoded = decode([payload], EVENTS, datetime(2026, 4, 1, tzinfo=UTC), Limits())
    message = Message(dead_letter_lines(decoded.dead), {CONTENT_TYPE: NDJSON})
    event_log.append(TOPIC_DEAD_LETTERS, [message])
    return event_log


def sent(event_log) -> pl.DataFrame:
    """What lies on the topic of events."""
    payloads = [
        Payload(stored.message.headers[CONTENT_TYPE], stored.message.value, "x")
        for stored in event_log.read(TOPIC_EVENTS, 0, 0, 1_000)
    ]
    return decode(payloads, EVENTS, datetime.now(UTC), Limits()).records


def test_reasons_are_counted_and_letters_counted_once():
    """Also where a crash wrote them twice."""
    event_log = MemoryLog()
    for _ in range(2):
        buried(event_log, NEGATIVE, NAMELESS, NEGATIVE)
    assert [row[:3] for row in count_reasons(read_letters(event_log))] == [
        ("duration_ms", "must be >= 0", 2),
        ("service", "is required", 1),
    ]


def test_a_mended_letter_is_sent_once_however_often_it_is_replayed():
    """What the mending does not mend stays a dead letter."""
    event_log = buried(MemoryLog(), NEGATIVE, NAMELESS, NEGATIVE)
    counts = replay(event_log, Mending(scale={"duration_ms": -1}), Limits())
    assert (counts.replayed, counts.still_dead, counts.before) == (2, 1, 0)
    again = replay(event_log, Mending(scale={"duration_ms": -1}, set={"service": "b"}), Limits())
    assert (again.replayed, again.still_dead, again.before) == (0, 1, 2)
    last = replay(event_log, Mending(set={"service": "b"}), Limits())
    assert (last.replayed, last.before) == (1, 2)
    assert sent(event_log).select("service", "duration_ms").rows() == [
        ("a", 5.0), ("a", 5.0), ("b", 1.0),
    ]  # fmt: skip


def test_a_dry_run_sends_nothing():
    """It counts the same."""
    event_log = buried(MemoryLog(), NEGATIVE)
    counts = replay(event_log, Mending(set={"duration_ms": 1}), Limits(), dry_run=True)
    assert counts.replayed == 1
    assert sent(event_log).is_empty()


def test_fields_may_be_renamed_and_letters_chosen():
    """By what is known of them."""
    event_log = buried(MemoryLog(), NAMELESS | {"app": "shop"}, NEGATIVE)
    counts = replay(
        event_log,
        Mending(rename={"app": "service"}),
        Limits(),
        lambda item: item.field == "service",
    )
    assert counts.replayed == 1
    assert sent(event_log)["service"].to_list() == ["shop"]


def test_lines_of_an_access_log_are_read_with_their_format():
    """Those that came under the wrong name."""
    line = '192.0.2.1 - - [31/Mar/2026:23:00:01 +0000] "GET /a/1 HTTP/1.1" 200 5 "-" "x" 0.1'
    wrong = AccessLog(FORMATS["haproxy"])
    event_log = buried(MemoryLog(), line, content_type=access_log_type(wrong))
    right = AccessLog(FORMATS["nginx"], {"service": "shop"})
    assert replay(event_log, Mending(access_log=right), Limits()).replayed == 1
    assert sent(event_log)["route"].to_list() == ["/a/{id}"]


def test_what_was_cut_or_is_no_record_cannot_be_replayed():
    """It is said so, and it stays."""
    event_log = buried(MemoryLog(), NEGATIVE | {"error": "x" * 3_000}, "[1]", "what?")
    counts = replay(event_log, Mending(set={"duration_ms": 1}), Limits())
    assert (counts.replayed, counts.unreadable) == (0, 3)
    assert len(counts.reasons) == 3


class CrashingLog(MemoryLog):
    """A log whose process dies at the n-th append."""

    appends_left = 1_000

    def append(self, topic, messages):
        """Store, or die before it."""
        if self.appends_left == 0:
            raise LogError("killed")
        self.appends_left -= 1
        return super().append(topic, messages)


@pytest.mark.parametrize("appends", [0, 1, 2, 3])
def test_a_replay_killed_at_any_moment_is_finished_by_the_next(appends):
    """Before the intent, before the records, before the mark, after it."""
    event_log = buried(CrashingLog(), NEGATIVE, NEGATIVE)
    mending = Mending(set={"duration_ms": 1})
    event_log.appends_left = appends
    if appends < 3:
        with pytest.raises(LogError):
            replay(event_log, mending, Limits())
    else:
        replay(event_log, mending, Limits())
    event_log.appends_left = 1_000
    replay(event_log, mending, Limits())
    assert sent(event_log).height == 2
    assert replay(event_log, mending, Limits()).before == 2
    assert len(event_log.read(TOPIC_REPLAYS, 0, 0, 100)) == 2

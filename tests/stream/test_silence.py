"""A topic that falls silent as a whole is missed by the wall clock; nothing else is."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.stores.database import open_database
from vigil.stores.stream_health import Sample, StreamHealth
from vigil.stream.silence import STREAM, SilenceWatch, silent_since

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def samples(behind_min, lag=0, topic=TOPIC_EVENTS, end_at=NOON):
    """A sample a minute until `end_at`; each watermark is so many minutes behind its sample."""
    first_at = end_at - (len(behind_min) - 1) * MINUTE
    ats = [first_at + number * MINUTE for number in range(len(behind_min))]
    return [
        Sample(at, 0, 0, lag, {topic: at - behind * MINUTE})
        for at, behind in zip(ats, behind_min, strict=True)
    ]


def quiet(minutes):
    """Watermarks of a topic that stops, minute by minute."""
    return list(range(1, minutes + 1))


def test_a_live_topic_that_stops_is_missed_after_a_quarter_of_an_hour():
    """The instant is its last watermark."""
    assert silent_since(samples([0] * 60 + quiet(15)), TOPIC_EVENTS) is None
    assert silent_since(samples([0] * 60 + quiet(16)), TOPIC_EVENTS) == NOON - 16 * MINUTE


def test_a_topic_that_goes_on_or_never_came_is_not_missed():
    """Nor is another topic's silence its own."""
    assert silent_since(samples([0] * 60), TOPIC_EVENTS) is None
    assert silent_since(samples([0] * 60 + quiet(60)), TOPIC_METRICS) is None
    assert silent_since([], TOPIC_EVENTS) is None


@pytest.mark.parametrize("imported_days_old", [0, 30])
def test_a_file_read_in_at_once_is_not_a_live_stream(imported_days_old):
    """Whether it ends now or a month ago, its end is no outage."""
    old = imported_days_old * 24 * 60
    assert silent_since(samples([old] + [old + at for at in quiet(120)]), TOPIC_EVENTS) is None


def test_a_stream_in_bursts_is_missed_after_twice_its_usual_pause():
    """One batch an hour: an hour's pause is nothing, two hours' are."""
    bursts = [at for _ in range(8) for at in range(60)]
    assert silent_since(samples(bursts + quiet(90)), TOPIC_EVENTS) is None
    assert silent_since(samples(bursts + quiet(121)), TOPIC_EVENTS) is not None


def test_a_scorer_that_is_behind_says_nothing_of_its_senders():
    """While messages wait, and about the time when they waited."""
    stopped = [0] * 60 + quiet(40)
    assert silent_since(samples(stopped, lag=5), TOPIC_EVENTS) is None
    caught_up = samples([240] * 30, lag=9, end_at=NOON - 100 * MINUTE) + samples(stopped)
    assert silent_since(caught_up, TOPIC_EVENTS) is not None, "a backlog is not a usual pause"


def test_one_incident_is_opened_and_resolved_when_the_topic_is_back(store_settings):
    """However often it is looked at; both are told, under one id."""
    engine = open_database(store_settings)
    health, watch = StreamHealth(engine, "vigil-scorer"), SilenceWatch(engine, "vigil-scorer")
    now = datetime.now(UTC)
    for sample in samples([0] * 60 + quiet(20), end_at=now):
        health.note(sample)
    watch.look()
    watch.look()
    back_at = datetime.now(UTC)
    health.note(Sample(back_at, 0, 0, 0, {TOPIC_EVENTS: back_at}))
    watch.look()
    watch.look()
    query = "SELECT action, document->>'title', incident_id FROM alerts ORDER BY sequence"
    with engine.connect() as connection:
        opened, resolved = connection.execute(sa.text(query)).all()
        streams = "SELECT document->>'stream' FROM incidents"
        assert connection.execute(sa.text(streams)).scalars().all() == [STREAM]
    assert opened[:2] == ("opened", "no requests come in any more")
    assert resolved[:2] == ("resolved", "requests come in again")
    assert opened[2] == resolved[2]
    engine.dispose()


def test_a_sample_is_read_once(store_settings, monkeypatch):
    """The watch looks each minute at a day of samples: those it knows it keeps."""
    engine = open_database(store_settings)
    health, watch = StreamHealth(engine, "vigil-scorer"), SilenceWatch(engine, "vigil-scorer")
    now = datetime.now(UTC)
    first, *later = samples([0] * 30, end_at=now)
    asked = []

    def since(self, start_at, read=StreamHealth.since):
        asked.append(start_at)
        return read(self, start_at)

    monkeypatch.setattr(StreamHealth, "since", since)
    health.note(first)
    watch.look()
    for sample in later:
        health.note(sample)
    watch.look()
    watch.look()
    assert asked[1:] == [first.at, later[-1].at]
    engine.dispose()

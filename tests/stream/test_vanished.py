"""A metric that stops coming is an alarm of its own: absent is not zero."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import orjson
import polars as pl

from vigil.detect import OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_METRICS
from vigil.stores.log import Message, StoredMessage
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)


def scored(pipeline: Pipeline, minutes: range, services: Iterable[str]) -> pl.DataFrame:
    """What the pipeline decides in one step on a gauge of those services at those minutes."""
    lines = [
        orjson.dumps(
            {
                "time": (START + timedelta(minutes=minute)).isoformat(),
                "service": name,
                "metric": "queue",
                "value": 5 + minute % 3,
            }
        )
        for minute in minutes
        for name in services
    ]
    message = Message(b"\n".join(lines), {CONTENT_TYPE: NDJSON})
    at = START + timedelta(minutes=minutes.stop)
    stored = StoredMessage(TOPIC_METRICS, 0, minutes.stop, at, message)
    return pipeline.step({(TOPIC_METRICS, 0): [stored]}, at).scored


def test_a_metric_that_stays_away_is_flagged_and_told_apart_from_zero():
    """Five steps of silence are allowed; then each window is flagged, without a value."""
    pipeline = Pipeline(WindowSpec(window_s=60), Limits(300, START), OnlineDetector())
    before = scored(pipeline, range(100), ("orders", "billing"))
    assert not before["flagged"].any()
    after = scored(pipeline, range(100, 120), ("billing",))
    silent = after.filter(
        pl.col("service") == "orders", pl.col("window_start") > START + timedelta(minutes=99)
    )
    assert silent["flagged"].all()
    assert silent["actual"].null_count() == silent.height
    assert silent["window_start"].min() == START + timedelta(minutes=105)
    [incident] = pipeline.trackers[TOPIC_METRICS].open
    assert incident.services == {"orders"}


def test_it_ends_when_the_metric_comes_back():
    """No flag any more, and the other metric never had one."""
    pipeline = Pipeline(WindowSpec(window_s=60), Limits(300, START), OnlineDetector())
    scored(pipeline, range(100), ("orders", "billing"))
    scored(pipeline, range(100, 120), ("billing",))
    back = scored(pipeline, range(120, 140), ("orders", "billing"))
    assert not back.filter(pl.col("window_start") > START + timedelta(minutes=124))["flagged"].any()
    assert not back.filter(pl.col("service") == "billing")["flagged"].any()

"""Logs in the stream: templates are series like any other."""

from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pytest

from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_LOGS
from vigil.stores.log import Message, StoredMessage
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW_S = 60
MINUTES = 240
STEP_MINUTES = 10


def new_pipeline() -> Pipeline:
    """A pipeline without past."""
    return Pipeline(WindowSpec(WINDOW_S, 0, 0), Limits(), OnlineDetector(DetectorSettings()))


def message(minutes: range) -> dict:
    """The lines of some minutes as one message of the log."""
    lines = [
        orjson.dumps(
            {
                "time": START + timedelta(minutes=minute, seconds=n % 60),
                "service": "cart",
                "body": body,
            }
        )
        for minute in minutes
        for n, body in enumerate(said(minute))
    ]
    stored = Message(b"\n".join(lines), {CONTENT_TYPE: NDJSON})
    return {(TOPIC_LOGS, 0): [StoredMessage(TOPIC_LOGS, 0, minutes[0], START, stored)]}


def said(minute: int) -> list[str]:
    """What the service says in a minute; at the end a template vanishes and another is new."""
    orders = [f"order {minute * 100 + n} accepted" for n in range(20 + minute % 3)]
    beats = ["heartbeat sent"] * 6 if minute < MINUTES - 10 else []
    return orders + beats + ["disk of this host is failing"] * (minute == MINUTES - 5)


@pytest.fixture(scope="module")
def scored() -> dict:
    """(metric, route) → {minute: row}."""
    pipeline, rows = new_pipeline(), []
    now_at = START + timedelta(days=1)
    for first in range(0, MINUTES, STEP_MINUTES):
        if first == MINUTES // 2:
            # A crash changes nothing.
            restarted = new_pipeline()
            restarted.restore(pipeline.state(), pipeline.counters)
            pipeline = restarted
        minutes = range(first, first + STEP_MINUTES)
        rows += pipeline.step(message(minutes), now_at).scored.to_dicts()
    rows += pipeline.step({}, now_at, finish=True).scored.to_dicts()
    found: dict = {}
    for row in rows:
        minute = int((row["window_start"] - START).total_seconds() // 60)
        found.setdefault((row["metric"], row["route"]), {})[minute] = row
    return found


def test_lines_of_a_template_are_counted_in_windows(scored):
    """Exactly, with zeros where it is silent."""
    orders = scored["log_lines", "order <*> accepted"]
    assert [orders[minute]["actual"] for minute in range(1, MINUTES)] == [
        20 + minute % 3 for minute in range(1, MINUTES)
    ]
    beats = scored["log_lines", "heartbeat sent"]
    assert [beats[minute]["actual"] for minute in range(MINUTES - 12, MINUTES)] == [6, 6] + [0] * 10


def test_every_line_is_in_a_kept_one():
    """Few are kept, their numbers add up; ids say where a line lies, through a restart as well."""
    pipeline, kept = new_pipeline(), []
    now_at = START + timedelta(days=1)
    for first in range(0, 40, STEP_MINUTES):
        restarted = new_pipeline()
        restarted.restore(pipeline.state(), pipeline.counters)
        pipeline = restarted
        kept.append(
            pipeline.step(message(range(first, first + STEP_MINUTES)), now_at).outputs.lines
        )
    kept.append(pipeline.step({}, now_at, finish=True).outputs.lines)
    lines = pl.concat(kept)
    assert lines["lines"].sum() == sum(len(said(minute)) for minute in range(40))
    assert lines["line_id"].is_unique().all()
    beats = lines.filter(pl.col("message") == "heartbeat sent")
    assert (
        beats.group_by(pl.col("time").dt.truncate("1m"))
        .agg(pl.col("lines").sum())["lines"]
        .to_list()
        == [6] * 40
    )
    assert beats.height == 40 * 6
    assert beats["template"].unique().to_list() == ["heartbeat sent"]


def test_a_vanished_template_is_unusual(scored):
    """Silence is a measurement."""
    beats = scored["log_lines", "heartbeat sent"]
    assert beats[MINUTES - 11]["score"] < 0.9
    assert max(beats[minute]["score"] for minute in range(MINUTES - 10, MINUTES)) > 0.99


def test_a_new_template_is_unusual(scored):
    """Among minutes in which nothing new was said."""
    news = scored["log_new_templates", None]
    assert news[MINUTES - 5]["actual"] == 1
    assert news[MINUTES - 5]["score"] > 0.99
    assert all(news[minute]["actual"] == 0 for minute in range(2, MINUTES - 5))

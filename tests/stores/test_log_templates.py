"""Templates of the stream, counted from its windows."""

import json
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_LOGS
from vigil.stores.checkpoint import Checkpoint, CheckpointStore
from vigil.stores.log import Message, StoredMessage
from vigil.stores.log_templates import template_counts
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
END = START + timedelta(hours=1)


@pytest.fixture
def said(engine):
    """A database in which two services have logged for some minutes."""
    bodies = {
        "cart": ["order {n} accepted", "cache is full"],
        "billing": ["card of order {n} refused"],
    }
    lines = [
        orjson.dumps(
            {
                "time": START + timedelta(seconds=n),
                "service": service,
                "body": body.format(n=n),
            }
        )
        for n in range(90)
        for service, texts in bodies.items()
        for body in texts
        if body != "cache is full" or n == 7
    ]
    message = Message(b"\n".join(lines), {CONTENT_TYPE: NDJSON})
    pipeline = Pipeline(WindowSpec(60), Limits(), OnlineDetector(DetectorSettings()))
    stored = StoredMessage(TOPIC_LOGS, 0, 0, START, message)
    step = pipeline.step({(TOPIC_LOGS, 0): [stored]}, END, finish=True)
    checkpoint = Checkpoint(1, {TOPIC_LOGS: {0: 1}}, pipeline.counters)
    CheckpointStore(engine, "test").commit(checkpoint, step.outputs)
    return engine


def test_lines_are_counted_exactly(said):
    """The most frequent first; what is rare is one row."""
    found = template_counts(said, START, END)
    assert found.select("service", "template", "lines").rows() == [
        ("billing", "card of order <*> refused", 90),
        ("cart", "order <*> accepted", 90),
        ("cart", "__other__", 1),
    ]
    assert found["first_at"][0] == START
    assert found["last_at"][0] == START + timedelta(minutes=1)


def test_templates_are_found_by_service_time_and_text(said):
    """Whatever the case of the text."""
    assert template_counts(said, START, END, service="billing").height == 1
    assert template_counts(said, START, END, containing="REFUSED")["service"].to_list() == [
        "billing"
    ]
    second = template_counts(said, START + timedelta(minutes=1), END, containing="accepted")
    assert second["lines"].to_list() == [30]
    assert template_counts(said, END, END + timedelta(hours=1)).is_empty()


def test_the_command_shows_them(said, store_settings, monkeypatch):
    """As JSON for machines."""
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)
    asked = ["logs", "templates", "--until", "2026-03-02 01:00:00", "--service", "cart", "--json"]
    result = CliRunner().invoke(cli, asked)
    assert result.exit_code == 0, result.output
    assert [row["lines"] for row in json.loads(result.stdout)] == [90, 1]

"""The demo's input is appended exactly once, however often the demo is started."""

import dataclasses
from datetime import datetime

import pytest

from vigil.config import load_settings
from vigil.demo.feed import BROKEN_LINES, feed_broken, feed_requests
from vigil.demo.plan import DemoPlan, Progressed
from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sqlite_log import SqliteLog


@pytest.fixture
def plan(tmp_path) -> DemoPlan:
    """Six simulated hours, thin traffic."""
    made = DemoPlan(load_settings(home=tmp_path))
    short = dataclasses.replace(made.simulation, duration_s=6 * 3600, traces_per_s=0.05, faults=())
    object.__setattr__(made, "simulation", short)
    return made


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


def payloads(log) -> list[bytes]:
    """All messages of the topic, in order."""
    return [stored.message.value for stored in log.read(TOPIC_EVENTS, 0, 0, 10**6)]


def test_an_interrupted_feed_goes_on_where_it_stopped(plan, tmp_path):
    """The log then holds what an uninterrupted feed leaves."""
    whole, broken = MemoryLog(), SqliteLog(tmp_path / "log.sqlite")
    feed_requests(plan, whole, plan.end_at, lambda events: None)

    fed = []

    def interrupt(events: int) -> None:
        fed.append(events)
        if len(fed) in (2, 5):
            raise Interrupted

    for _ in range(3):
        try:
            feed_requests(plan, broken, plan.end_at, interrupt)
        except Interrupted:
            continue
    assert payloads(broken) == payloads(whole)
    assert len(payloads(whole)) == 6


def test_broken_lines_are_all_dead_for_a_different_reason(plan):
    """Each shows another rule of the decoder."""
    log = MemoryLog()
    assert feed_broken(log) == len(BROKEN_LINES)
    [message] = [stored.message for stored in log.read(TOPIC_EVENTS, 0, 0, 10)]
    payload = Payload(message.headers[CONTENT_TYPE], message.value, "t")
    now_at = datetime.fromisoformat("2026-03-05T00:00:00Z")
    settings = load_settings()
    decoded = decode([payload], EVENTS, now_at, Limits(settings.future_s, settings.earliest_at))
    assert decoded.records.height == 0
    assert decoded.dead.height == len(BROKEN_LINES)
    reasons = decoded.dead.select("field", "rule", "value")
    assert reasons.n_unique() == len(BROKEN_LINES)


def test_finished_steps_are_remembered_across_processes(tmp_path):
    """That is how a second `make demo` knows where the first stopped."""
    path = tmp_path / "steps.json"
    steps = Progressed(path)
    steps.add("history")
    assert "history" in Progressed(path)
    assert "live" not in Progressed(path)

"""From an alert to a label to the next alert, through the scorer's pipeline and the database."""

import pytest
from gauges import SERVICES, pipeline, step

from vigil.detect import MetricKind
from vigil.detect.feedback import Verdict, deviation_of
from vigil.stores.labels import LabelStore
from vigil.stream.pipeline import Pipeline

OUTAGE = 5.0


def alerts(scorer: Pipeline, minutes: range, rate: float) -> list[str]:
    """Services of the incidents that people were told of then."""
    told = step(scorer, minutes, rate).outputs.alerts
    return sorted({name for alert in told if alert["action"] == "opened"
                   for name in alert["services"]})  # fmt: skip


@pytest.fixture
def alarmed() -> tuple[Pipeline, list[dict]]:
    """A pipeline after two quiet hours, an alarm of twenty minutes and a quiet day, and the flagged
    windows of that alarm."""
    scorer = pipeline()
    step(scorer, range(120))
    flagged = step(scorer, range(120, 140), OUTAGE).scored.filter("flagged").to_dicts()
    assert {row["service"] for row in flagged} == set(SERVICES)
    step(scorer, range(140, 140 + 1440))
    return scorer, flagged


def label(store: LabelStore, flagged: list[dict], verdict: Verdict, factor: float = 1.0) -> None:
    """The verdict on the worst window of each series; `factor` times as far away."""
    worst = {row["series_id"]: row for row in sorted(flagged, key=lambda row: -row["p"])}
    for series_id, row in worst.items():
        away = deviation_of(MetricKind.RATE, row["actual"], row["expected"], row["upper"])
        store.add(series_id, row["window_start"], verdict, factor * away, "", "ann")


AGAIN = range(140 + 1440, 160 + 1440)


def test_without_a_label_the_same_alarm_comes_again(alarmed):
    """Else the silence of the others would prove nothing."""
    scorer, _ = alarmed
    assert alerts(scorer, AGAIN, OUTAGE) == sorted(SERVICES)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_repeated_false_alarm_falls_silent(alarmed, engine, restarted):
    """The label is part of the state: a restart changes nothing."""
    scorer, flagged = alarmed
    store = LabelStore(engine)
    label(store, flagged, Verdict.FALSE)
    scorer.learn(store.after(scorer.labelled_to))
    if restarted:
        resumed = pipeline()
        resumed.restore(scorer.state(), scorer.counters)
        scorer = resumed
    assert alerts(scorer, AGAIN, OUTAGE) == []


def test_an_expected_change_is_no_alarm_when_it_comes(alarmed, engine):
    """Learnt afresh, the new level is usual."""
    scorer, flagged = alarmed
    store = LabelStore(engine)
    label(store, flagged, Verdict.EXPECTED)
    scorer.learn(store.after(scorer.labelled_to))
    assert alerts(scorer, AGAIN, OUTAGE) == []


def test_a_true_alarm_is_never_muted(alarmed, engine):
    """Not by a larger false one that is labelled later."""
    scorer, flagged = alarmed
    store = LabelStore(engine)
    label(store, flagged, Verdict.TRUE)
    label(store, flagged, Verdict.FALSE, factor=3.0)
    scorer.learn(store.after(scorer.labelled_to))
    assert alerts(scorer, AGAIN, OUTAGE) == sorted(SERVICES)

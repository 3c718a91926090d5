"""A challenger in the shadow: scored beside the champion, counted, and heard of by nobody."""

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from gauges import RATE, START, pipeline, step
from scored_traffic import score_traffic

from vigil.errors import UsageError
from vigil.simulate import SimulationPlan
from vigil.stores.bundle import Bundle, BundleArrays
from vigil.stores.registry import Registry
from vigil.stores.trials import CHALLENGE, PROBATION, SHADOW, Trial
from vigil.stream.assembly import open_scorer
from vigil.stream.pipeline import Pipeline, Step

# The noise of a rate is that of its requests: only a far larger one is unusual.
WRONG = 4_000.0


def expecting(name: str, rate: float, series_id: Iterable[int]) -> Bundle:
    """A bundle that expects one rate of all series for ever."""
    ids = np.array(sorted(series_id), np.int64)
    n = len(ids)
    return Bundle({"bundle_id": name, "backtest": {"mase": 1.0}}, arrays(ids, n, rate))


def arrays(ids: np.ndarray, n: int, rate: float) -> BundleArrays:
    """One rate, from START on."""
    return BundleArrays(
        series_id=ids,
        origin_s=np.full(n, START.timestamp()),
        step_s=np.full(n, 300.0),
        forecast=np.full((n, 4), rate, np.float32),
        profile=np.full((n, 288), rate, np.float32),
        season_s=np.full(n, 86_400.0),
        spread=np.ones(n, np.float32),
        quantiles=np.zeros((n, 7), np.float32),
    )


def trial(number: int, champion: str, shadow: str, purpose: str = CHALLENGE) -> Trial:
    """As the registry tells of it."""
    return Trial(number, purpose, champion, shadow, START, None, None, None, None)


@pytest.fixture
def shadowed() -> Pipeline:
    """Warm, with a right champion, and in its shadow a challenger that expects forty times as
    much.
    """
    scorer = pipeline()
    ids = step(scorer, range(120)).scored["series_id"].unique().to_list()
    scorer.use(expecting("right", RATE, ids))
    scorer.put_in_shadow(trial(1, "right", "wrong"), expecting("wrong", WRONG, ids))
    return scorer


def hours(steps: Iterable[Step]) -> pl.DataFrame:
    """Sum of all steps."""
    counted = pl.concat([done.outputs.shadow_hours for done in steps])
    return counted.drop("trial_id", "hour").sum()


def test_a_wrong_challenger_is_found_out_and_nobody_is_told(shadowed):
    """It alone flags and would have paged; scores, incidents and alerts are the champion's."""
    done = step(shadowed, range(120, 240))
    [counted] = hours([done]).to_dicts()
    assert counted["windows"] == done.scored.height
    assert counted["champion_flagged"] == 0
    assert counted["shadow_flagged"] > 30
    pages = done.outputs.shadow_pages
    assert set(pages["role"]) == {SHADOW}
    assert pages.height >= 1
    assert not done.outputs.alerts
    assert not done.outputs.incidents
    assert set(
        done.scored.filter(pl.col("window_start") > START + timedelta(hours=2))["model"]
    ) == {"right"}


def test_both_are_told_of_a_real_outage(shadowed):
    """Pages of either role are kept, the champion's are also alerts."""
    shadowed.put_in_shadow(trial(2, "right", "twin"), expecting("twin", RATE, all_ids(shadowed)))
    done = step(shadowed, range(120, 150), rate=5.0)
    opened = [alert["alert_id"] for alert in done.outputs.alerts if alert["action"] == "opened"]
    assert opened
    by_role = done.outputs.shadow_pages.group_by("role").agg("alert_id").sort("role")
    assert by_role["alert_id"].to_list() == [opened, opened]


def all_ids(scorer: Pipeline) -> list[int]:
    """Series of the directory."""
    return scorer.analysis.series.state()["known"]["series_id"].to_list()


def test_a_restart_in_between_changes_no_count(shadowed):
    """State of the shadow is part of the checkpoint."""
    resumed = pipeline()
    resumed.restore(shadowed.state(), shadowed.counters)
    ids = all_ids(shadowed)
    whole = [step(shadowed, range(at, at + 30), 60.0) for at in (120, 150)]
    resumed.use(expecting("right", RATE, ids))
    resumed.put_in_shadow(trial(1, "right", "wrong"), expecting("wrong", WRONG, ids))
    first = step(resumed, range(120, 150), 60.0)
    again = pipeline()
    again.restore(resumed.state(), resumed.counters)
    again.use(expecting("right", RATE, ids))
    again.put_in_shadow(trial(1, "right", "wrong"), expecting("wrong", WRONG, ids))
    parts = [first, step(again, range(150, 180), 60.0)]
    assert hours(parts).equals(hours(whole))
    pages = [pl.concat([done.outputs.shadow_pages for done in steps]) for steps in (parts, whole)]
    assert pages[0].equals(pages[1])


def test_a_promotion_makes_the_two_change_places(shadowed):
    """Each goes on with what its own detector has learnt; the next trial counts from zero."""
    step(shadowed, range(120, 180))
    champion, shadow = shadowed.analysis.scoring.detector, shadowed.shadow.scoring.detector
    ids = all_ids(shadowed)
    shadowed.use(expecting("wrong", WRONG, ids))
    shadowed.put_in_shadow(trial(2, "wrong", "right", PROBATION), expecting("right", RATE, ids))
    assert shadowed.analysis.scoring.detector is shadow
    assert shadowed.shadow.scoring.detector is champion
    done = step(shadowed, range(180, 200))
    assert "wrong" in set(done.scored["model"])
    [counted] = hours([done]).to_dicts()
    assert counted["shadow_flagged"] == 0
    assert set(done.outputs.shadow_hours["trial_id"]) == {2}


@pytest.fixture
def registry(engine, store_settings) -> Registry:
    """With two bundles, of which the first is champion."""
    made = Registry(engine, store_settings.registry_path)
    for name in ("first", "second"):
        made.add({"bundle_id": name, "backtest": {"mase": 1.0}}, arrays(np.array([1, 2]), 2, RATE))
    made.promote("first", "test")
    return made


def test_the_scorer_finds_the_trial_and_keeps_its_record(registry, store_settings):
    """Hours are in the database with the windows they count; when it ends nothing is counted."""
    registry.trials.start("first", "second")
    [running] = registry.trials.history()
    score_traffic(store_settings, SimulationPlan(START, 2 * 3600, 0.3, 1, ()))
    record = registry.trials.record(running.trial_id)
    with open_scorer(store_settings, "vigil-scorer", show=None) as scorer:
        scorer.resume()
        assert record.hours == 2
        assert record.windows == scorer.pipeline.counters["scores"]
        assert scorer.pipeline.shadow is not None
        registry.trials.end(running.trial_id, "refused", "test")
        scorer.poll_bundle()
        assert scorer.pipeline.shadow is None


def test_one_trial_runs_at_a_time_and_a_promotion_begins_the_next(registry):
    """The former champion is the control of the new one; a rollback puts nothing on trial."""
    trials = registry.trials
    started = trials.start("first", "second")
    with pytest.raises(UsageError, match="second is in the shadow of first already"):
        trials.start("first", "second")
    registry.promote("second", "won")
    running = trials.open()
    assert running is not None
    assert (running.purpose, running.champion_id, running.shadow_id) == (
        PROBATION, "second", "first",
    )  # fmt: skip
    registry.rollback("too loud")
    assert trials.open() is None
    ended = {item.trial_id: item.verdict for item in trials.history()}
    assert ended == {started.trial_id: "promoted", running.trial_id: "rolled back"}


def test_a_trial_that_nobody_judges_is_no_longer_shadowed(registry, engine):
    """After two days scoring costs as much as before."""
    trials = registry.trials
    trials.start("first", "second")
    assert trials.shadowed() is not None
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE trials SET started_at = now() - interval '3 days'")
    assert trials.shadowed() is None
    assert trials.open() is not None

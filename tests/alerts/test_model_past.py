"""The past through two models: whose expectations are wrong has more pages, and they are listed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from vigil import trials
from vigil.alerts.model_past import ModelPast
from vigil.alerts.policy import parse_policy
from vigil.backtest.trial import Ruling
from vigil.detect import DetectorSettings
from vigil.detect.feedback import Verdict
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.bundle import Bundle, BundleArrays
from vigil.stores.database import copy_frame
from vigil.stores.labels import LabelStore
from vigil.stores.registry import Registry
from vigil.stores.timescale import METRIC_WINDOWS, SCORES
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 3
MINUTES = DAYS * 1440
BUMP = range(MINUTES - 300, MINUTES - 240)
POLICY = parse_policy("channels: {chat: {kind: terminal}}\nroute: {receivers: [chat]}\n")
LEVEL, BUMPED, WRONG = 4_000.0, 50.0, 60_000.0


@pytest.fixture
def estate(engine):
    """Three days of two rates; that of the first falls for an hour, four hours before the end."""
    noise = np.random.default_rng(0).normal(0, 1, (2, MINUTES))
    parts = []
    for number in (0, 1):
        value = LEVEL + noise[number]
        if number == 0:
            value[BUMP.start : BUMP.stop] = BUMPED
        parts.append(
            pl.DataFrame(
                {
                    "series_id": number, "window_s": 60, "revision": 0, "points": 1,
                    "window_start": [START + timedelta(minutes=m) for m in range(MINUTES)],
                    "value_sum": value, "value_min": value, "value_max": value,
                }
            )
        )  # fmt: skip
    keys = [(n, None, "onprem", None, None, f"service-{n}", None, None) for n in (0, 1)]
    series = pl.DataFrame({"series_id": [0, 1], "key_id": [0, 1], "metric": "request_rate"})
    last = START + timedelta(minutes=MINUTES - 1)
    newest = dict.fromkeys(SCORES) | {
        "series_id": 0, "window_start": last, "revision": 0, "flagged": False, "gate": 0,
        "weight": 1.0, "p": 0.5, "score": 0.5, "warming_up": 1.0, "model": "online",
    }  # fmt: skip
    with engine.begin() as connection:
        columns = ["key_id", *KEY_COLUMNS]
        copy_frame(connection, pl.DataFrame(keys, schema=columns, orient="row"), "keys")
        copy_frame(connection, series, "series")
        windows = pl.concat(parts).select(list(METRIC_WINDOWS))
        copy_frame(connection, windows, "metric_windows")
        copy_frame(connection, pl.DataFrame([newest], schema=SCORES), "scores")
    return engine


def arrays(at_noon: float) -> BundleArrays:
    """Trained at the end of the three days, expecting the level but for the hour after noon."""
    profile = np.full((2, 288), LEVEL, np.float32)
    profile[:, 144:156] = at_noon
    return BundleArrays(
        series_id=np.array([0, 1]),
        origin_s=np.full(2, (START + timedelta(days=DAYS)).timestamp()),
        step_s=np.full(2, 300.0),
        forecast=np.full((2, 4), LEVEL, np.float32),
        profile=profile,
        season_s=np.full(2, 86_400.0),
        spread=np.ones(2, np.float32),
        quantiles=np.zeros((2, 7), np.float32),
    )


def replayed(engine, *expected: float):
    """Pages on the last day with bundles that expect so much at noon."""
    past = ModelPast(engine, WindowSpec(60), DetectorSettings())
    models = [Bundle({"bundle_id": str(value)}, arrays(value)) for value in expected]
    end_at = START + timedelta(days=DAYS)
    return past.replay(models, POLICY, end_at - timedelta(days=1), end_at)


def origins(result) -> set[str]:
    """Services that were paged for."""
    return {page.document["origin"] for page in result.pages}


def test_a_model_is_judged_by_its_profile_before_its_training_ended(estate):
    """The right one pages for the fall alone, the wrong one for what is usual as well."""
    right, wrong = replayed(estate, LEVEL, WRONG)
    assert origins(right) == {"service-0"}
    assert len(right.pages) == 1
    assert len(wrong.pages) > 1
    assert min(page.at for page in wrong.pages).hour == 12


def test_a_label_before_the_page_counts_in_the_replay_too(estate):
    """A fall of that size, called a false alarm days ago, is no page for any model."""
    labelled_at = START + timedelta(days=1)
    LabelStore(estate).add(0, labelled_at, Verdict.FALSE, 60.0, "batch job", "ann")
    [result] = replayed(estate, LEVEL)
    assert origins(result) == set()


@pytest.fixture
def registry(estate, store_settings) -> Registry:
    """A right champion, a wrong challenger with the better backtest, and one that is as right."""
    made = Registry(estate, store_settings.registry_path)
    for name, mase, expected in (("right", 1.0, LEVEL), ("wrong", 0.8, WRONG), ("as", 0.8, LEVEL)):
        made.add({"bundle_id": name, "backtest": {"mase": mase}}, arrays(expected))
    made.promote("right", "test")
    return made


def test_a_challenger_with_more_pages_is_refused_whatever_its_backtest(
    registry, estate, store_settings
):
    """The trial keeps both counts and each page that differs."""
    settings = store_settings.model_copy(update={"window_s": 60})
    trial = trials.begin(registry, "wrong")
    assert trial is not None
    assert trials.begin(registry, "wrong") == trial
    rules = replace(trials.trial_rules(settings), shadow_h=0)
    assert trials.verdict(registry, trial, rules).ruling is Ruling.WAIT
    found = trials.replay(registry, trial, estate, settings, 1)
    assert found["challenger"] > found["champion"] == 1
    assert {change["change"] for change in found["changes"]} >= {"added"}
    kept = registry.trials.open()
    assert kept is not None
    assert kept.replay == found
    verdict = trials.verdict(registry, kept, rules)
    assert verdict.ruling is Ruling.REFUSE
    assert f"{found['challenger']} pages in a replay of 1 day, the champion 1" in verdict.reason


def test_a_trial_is_not_begun_for_what_cannot_win(registry):
    """A backtest that is no better is refused at once; the champion cannot challenge itself."""
    registry.add({"bundle_id": "worse", "backtest": {"mase": 1.2}}, arrays(LEVEL))
    assert trials.begin(registry, "worse") is None
    [refused] = registry.trials.history()
    assert (refused.shadow_id, refused.verdict) == ("worse", "refused")
    assert refused.reason == "MASE 1.200 does not beat 1.000"
    with pytest.raises(UsageError, match="right is the champion"):
        trials.begin(registry, "right")
    with pytest.raises(UsageError, match="no bundle 'other' in the registry"):
        trials.begin(registry, "other")

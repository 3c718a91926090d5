"""Deploys are regressors known ahead."""

import numpy as np
import pandas as pd
import pytest

from vigil.backtest.candidate import find_candidates
from vigil.forecast.deploys import deploy_regressors

HOURS = pd.date_range("2026-03-02", periods=240, freq="h")


def test_each_of_the_newest_deploys_has_a_step_that_lasts():
    """The fourth newest is part of the level; a planned one has no step."""
    deploys = HOURS[[10, 50, 100, 200]].append(pd.DatetimeIndex([HOURS[-1] + pd.Timedelta("5h")]))
    found = deploy_regressors(HOURS, 24, deploys)
    assert found.shape == (264, 4)
    begins = {name: int(found[name].to_numpy().argmax()) for name in found.columns[:3]}
    assert begins == {"since 1": 200, "since 2": 100, "since 3": 50}
    assert found.iloc[-1].tolist() == [1, 1, 1, 0]


def test_every_deploy_settles_for_an_hour_planned_ones_too():
    """Four steps of a quarter of an hour."""
    index = pd.date_range("2026-03-02", periods=96, freq="15min")
    found = deploy_regressors(index, 24, index[[10]].append(index[[-1]] + pd.Timedelta("1h")))
    assert np.flatnonzero(found["settling"]).tolist() == [10, 11, 12, 13, 99, 100, 101, 102]


@pytest.fixture(scope="module")
def candidate():
    [found] = find_candidates(["darts_deploys"])
    return found


def test_a_planned_deploy_is_expected_to_do_what_earlier_ones_did(candidate):
    """Five deploys each doubled the latency for an hour; the sixth is planned."""
    rng = np.random.default_rng(1)
    value = pd.Series(100 + rng.normal(0, 1, 240), index=HOURS)
    past = HOURS[[60, 90, 130, 170, 210]]
    value[past] += 100
    deploys = past.append(pd.DatetimeIndex([HOURS[-1] + pd.Timedelta("6h")]))
    found = candidate.build(24).forecast(value.asfreq("h"), 12, deploys)
    assert found[5] > 160
    assert np.abs(np.delete(found[:9], [5, 6, 7, 8]) - 100).max() < 10


@pytest.mark.parametrize("seed", range(3))
def test_the_day_after_a_deploy_is_expected_on_its_level(candidate, seed):
    """Thirty hours after a deploy that doubled the traffic: better than without being told."""
    noise = np.random.default_rng(seed).normal(0, 3, 240)
    value = 100 + 20 * np.sin(np.arange(240) * np.pi / 12) + noise
    value[210:] += 100
    history = pd.Series(value, index=HOURS)
    truth = 200 + 20 * np.sin(np.arange(240, 264) * np.pi / 12)
    told, untold = (
        np.abs(candidate.build(24).forecast(history, 24, deploys) - truth).mean()
        for deploys in (HOURS[[210]], HOURS[[]])
    )
    assert told < 8
    assert told < 0.5 * untold

"""Backtests: rolling origins, honest numbers, a winner for each group."""

import numpy as np
import pandas as pd
import pytest

from vigil.backtest.candidate import Candidate, find_candidates
from vigil.backtest.folds import backtest, group_of, representatives
from vigil.backtest.injection import inject
from vigil.backtest.results import standings, winners
from vigil.errors import UsageError
from vigil.features.deploys import NO_DEPLOYS
from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.forecast.contract import QuantileForecaster
from vigil.forecast.seasonal import SeasonalNaive

STEP_S = 900
DAY = 96
START = pd.Timestamp("2026-03-02")


def series(
    series_id: int, level: float = 100.0, metric: str = "request_rate", days: int = 5
) -> TrainingSeries:
    """A daily wave with noise, on quarters of an hour."""
    steps = np.arange(days * DAY)
    noise = np.random.default_rng(series_id).normal(0, 1, len(steps))
    values = level + level / 5 * np.sin(2 * np.pi * steps / DAY) + noise
    index = pd.date_range(START, periods=len(steps), freq=pd.offsets.Second(STEP_S))
    return TrainingSeries(series_id, metric, STEP_S, pd.Series(values, index=index))


def training(*members: TrainingSeries) -> TrainingSet:
    """A set of them."""
    end = START + pd.Timedelta(days=5)
    return TrainingSet(members, {}, START.to_pydatetime(), end.to_pydatetime())


class Recorder:
    """A forecaster that notes how much history it was given."""

    def __init__(self) -> None:
        self.seen: list[tuple[pd.Timestamp, int]] = []

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """The last value."""
        self.seen.append((history.index[-1], steps))
        return np.full(steps, history.iloc[-1])


class Refuser:
    """A model that cannot be fitted."""

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """Never."""
        raise ValueError("singular")


def test_each_fold_trains_on_what_lies_before_its_origin():
    """Two folds of six hours: the second sees six hours more than the first."""
    recorder = Recorder()
    backtest(training(series(1)), [Candidate("r", "forecaster", "test", lambda s: recorder)])
    last = series(1).history.index[-1]
    six_hours = pd.Timedelta(hours=6)
    # The last fit is the one whose memory is traced.
    assert recorder.seen[:-1] == [(last - 2 * six_hours, 24), (last - six_hours, 24)]


def test_the_seasonal_model_beats_the_last_value_on_a_wave():
    """And MASE says by how much: about 1 for a repetition of yesterday."""
    candidates = [
        Candidate("naive", "forecaster", "test", SeasonalNaive),
        Candidate("last", "forecaster", "test", lambda s: Recorder()),
    ]
    results = backtest(training(series(1), series(2, 50.0)), candidates)
    rows = standings(results)
    assert [row.candidate for row in rows] == ["naive", "last"]
    assert rows[0].score == pytest.approx(1.0, abs=0.3)
    assert rows[1].score > 2


def test_a_model_that_fails_loses_and_the_others_go_on():
    """It is counted, and never wins."""
    candidates = [
        Candidate("refuser", "forecaster", "test", lambda s: Refuser()),
        Candidate("naive", "forecaster", "test", SeasonalNaive),
    ]
    results = backtest(training(series(1)), candidates)
    assert [result.failed for result in results] == [1, 1, 0, 0]
    assert winners(results, "forecaster")["request_rate"].candidate == "naive"


def test_groups_are_metrics_and_stand_ins_spread_over_sizes():
    """Outside metrics compete together."""
    members = [series(n, 10.0 * n) for n in range(1, 8)] + [series(9, metric="cpu")]
    chosen = representatives(training(*members), 3)
    assert [item.series_id for item in chosen["request_rate"]] == [1, 4, 7]
    assert [item.series_id for item in chosen["outside_metrics"]] == [9]


def sparse(series_id: int, metric: str = "request_rate") -> TrainingSeries:
    """A demand of four to six in every fifth step on average."""
    rng = np.random.default_rng(series_id)
    item = series(series_id, metric=metric)
    demand = rng.integers(4, 7, len(item.history)) * (rng.random(len(item.history)) < 0.2)
    return TrainingSeries(series_id, metric, STEP_S, item.history * 0 + demand)


def test_sparse_series_are_a_group_of_their_own():
    """From one step of four without demand on."""
    assert group_of(sparse(1)) == "request_rate (sparse)"
    assert group_of(sparse(1, "error_ratio")) == "error_ratio (sparse)"
    half_zero = series(2).history.copy()
    half_zero.iloc[::5] = 0
    assert group_of(TrainingSeries(2, "request_rate", STEP_S, half_zero)) == "request_rate"


def test_models_for_sparse_series_compete_for_those_only():
    """And win there by the squared error, against a forecast of yesterday's zeros."""
    names = ["croston", "tsb", "adida", "seasonal_naive"]
    results = backtest(training(series(1), sparse(2), sparse(3)), find_candidates(names))
    tried = {(result.series_group, result.candidate) for result in results}
    assert ("request_rate", "seasonal_naive") in tried
    assert ("request_rate", "tsb") not in tried
    best = winners(results, "forecaster")["request_rate (sparse)"]
    assert best.candidate in ("croston", "tsb", "adida")
    assert best.score < 0.8


class Hoarder(SeasonalNaive):
    """A forecaster that fills some memory to get nowhere."""

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """The season before, after 32 MiB of zeros."""
        np.zeros(4 << 20)
        return super().forecast(history, steps, deploys)


def test_of_two_equal_models_the_one_with_less_memory_wins():
    """Its peak is in the results."""
    candidates = [
        Candidate("hoarder", "forecaster", "test", Hoarder),
        Candidate("naive", "forecaster", "test", SeasonalNaive),
    ]
    rows = standings(backtest(training(series(1)), candidates))
    assert [row.candidate for row in rows] == ["naive", "hoarder"]
    assert rows[0].score == rows[1].score
    assert rows[1].peak_mib == pytest.approx(32, abs=1)


@pytest.mark.parametrize("seed", range(8))
def test_injected_anomalies_are_labelled_where_the_values_differ(seed):
    """Three of them, reproducible by seed, nothing else touched."""
    item = series(1)
    future = item.history.iloc[-24:]
    spoilt, labels = inject(future, item.history, seed)
    changed = spoilt.to_numpy() != future.to_numpy()
    assert changed.any()
    assert not (changed & ~labels).any()
    again, _ = inject(future, item.history, seed)
    assert spoilt.equals(again)


@pytest.mark.parametrize("candidate", find_candidates(), ids=lambda candidate: candidate.name)
def test_every_installed_candidate_meets_its_contract(candidate):
    """Finite, of the asked length, and the input is left as it was: a new file in models/ is
    tested by existing.
    """
    item = series(3, days=4)
    history, future = item.history.iloc[:-24], item.history.iloc[-24:]
    history, future = (part.asfreq(pd.offsets.Second(STEP_S)) for part in (history, future))
    before = history.copy()
    model = candidate.build(DAY)
    if candidate.role == "forecaster":
        answer = model.forecast(history, 24)
        assert np.abs(answer - future).mean() < 30
    else:
        spoilt = future.copy()
        spoilt.iloc[12] += 500
        answer = model.score(history, spoilt)
        assert np.argmax(answer) in range(12, 18)
    assert answer.shape == (24,)
    assert np.isfinite(answer).all()
    if isinstance(model, QuantileForecaster):
        quantile = model.quantiles(history, 24, (0.1, 0.5, 0.9))
        assert quantile.shape == (24, 3)
        assert np.isfinite(quantile).all()
        assert (np.diff(quantile, axis=1) >= 0).all()
        assert np.mean((future >= quantile[:, 0]) & (future <= quantile[:, 2])) > 0.5
    pd.testing.assert_series_equal(history, before)


def test_an_unknown_candidate_is_named_with_those_that_exist():
    """A typing error is easily mended."""
    with pytest.raises(UsageError, match=r"no candidate 'darts_liner'; there are .*darts_linear"):
        find_candidates(["darts_liner"])

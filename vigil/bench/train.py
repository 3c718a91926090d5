"""`vigil bench train`: thousands of series trained and backtested by batches, and by a naive loop.

A batch of equally long series is one array: five candidates are fitted and judged by rolling
origin for all of them at once
(`vigil.forecast.batched`).

The naive loop fits one Darts model a series and fold, as tutorials do; it runs on a sample, in the
same process and on the same values, and is compared by series a second.
"""

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from vigil.forecast.batched import BATCH_FORECASTERS, backtest_batch

STEP_S = 300
SEASON = 288
DAYS = 28
FOLDS = 3
HORIZON = 288
SERIES_PER_BLOCK = 200


@dataclass(frozen=True, slots=True)
class TrainResult:
    """Speeds in series a second, all folds of a series counted once."""

    series: int
    points: int
    candidates: int
    folds: int
    batched_s: float
    batched_series_per_s: float
    batched_mase: float
    loop_series: int
    loop_series_per_s: float
    loop_mase: float
    batched_mase_on_the_same: float
    speedup: float
    peak_memory_mib: float

    def summary(self) -> dict[str, float | int]:
        """Figures by name, ready for JSON."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def blocks(series: int, seed: int) -> Iterator[np.ndarray]:
    """float32 (up to SERIES_PER_BLOCK, n): day and week of each series' own, noise, a drift."""
    day = np.arange(DAYS * SEASON) / SEASON
    for start in range(0, series, SERIES_PER_BLOCK):
        rng = np.random.default_rng([seed, start])
        count = min(SERIES_PER_BLOCK, series - start)
        own = rng.uniform(0, 1, (5, count, 1))
        level = 10 ** (1 + 2 * own[0])
        daily = (0.2 + 0.6 * own[1]) * np.sin(2 * np.pi * (day + own[2]))
        weekend = 1 - 0.4 * own[3] * (day % 7 >= 5)
        drift = 1 + 0.1 * (own[4] - 0.5) * day / DAYS
        noise = rng.standard_normal((count, len(day)), np.float32)
        yield (level * (1 + daily) * weekend * drift * (1 + 0.1 * noise)).astype(np.float32)


def bench_train(
    series: int, loop_series: int, seed: int = 0, tick: Callable[[int], None] = lambda done: None
) -> TrainResult:
    """Backtest all series by batches, and `loop_series` of them by the naive loop.

    `tick` is told how many series were done, in batches or looped.
    """
    spent, scores = 0.0, []
    for block in blocks(series, seed):
        began = time.perf_counter()
        scores.append(backtest_batch(block, SEASON, FOLDS, HORIZON).honest_mase)
        spent += time.perf_counter() - began
        tick(len(block))
    sample = next(blocks(max(1, loop_series), seed))
    # Imports and first-call costs are nobody's training time.
    _loop_mase(sample[0])
    began = time.perf_counter()
    looped = []
    for values in sample:
        looped.append(_loop_mase(values))
        tick(1)
    loop_s = time.perf_counter() - began
    batched_speed, loop_speed = series / spent, len(sample) / loop_s
    return TrainResult(
        series=series,
        points=series * DAYS * SEASON,
        candidates=len(BATCH_FORECASTERS),
        folds=FOLDS,
        batched_s=spent,
        batched_series_per_s=batched_speed,
        batched_mase=float(np.concatenate(scores).mean()),
        loop_series=len(sample),
        loop_series_per_s=loop_speed,
        loop_mase=float(np.mean(looped)),
        batched_mase_on_the_same=float(
            backtest_batch(sample, SEASON, FOLDS, HORIZON).honest_mase.mean()
        ),
        speedup=batched_speed / loop_speed,
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def _loop_mase(values: np.ndarray) -> float:
    """MASE on the last fold of Darts' LinearRegressionModel, fitted afresh at each fold."""
    from darts import TimeSeries
    from darts.models import LinearRegressionModel

    index = pd.date_range("2026-03-02", periods=len(values), freq=f"{STEP_S}s")
    whole = pd.Series(values.astype(float), index=index)
    errors = []
    for fold in range(FOLDS):
        origin = len(values) - (FOLDS - fold) * HORIZON
        history, future = whole.iloc[:origin], whole.iloc[origin : origin + HORIZON]
        lags = [-SEASON, -2 * SEASON, -7 * SEASON]
        model = LinearRegressionModel(lags=lags)
        model.fit(TimeSeries.from_series(history))
        predicted = model.predict(HORIZON).values()[:, 0]
        naive = np.abs(history.to_numpy()[SEASON:] - history.to_numpy()[:-SEASON]).mean()
        errors.append(np.abs(predicted - future.to_numpy()).mean() / naive)
    return float(errors[-1])

"""From backtests to what a bundle holds: the winners' forecasts, profiles and residuals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from vigil.backtest.candidate import Candidate
from vigil.backtest.folds import group_of
from vigil.backtest.results import Standing
from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.features.season import season_profile

HORIZON_DAYS = 1
DAY_S, WEEK_S = 86_400.0, 604_800.0
SLOTS_PER_DAY = 288
WEEKLY_FROM_DAYS = 14
QUANTILES = (0.005, 0.025, 0.1, 0.5, 0.9, 0.975, 0.995)

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Expectations:
    """Arrays of s series, h steps, k slots, q quantiles; see `stores.bundle.BundleArrays`."""

    series_id: np.ndarray
    origin_s: np.ndarray
    step_s: np.ndarray
    forecast: np.ndarray
    profile: np.ndarray
    season_s: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray


def expectations(
    training: TrainingSet,
    observations: pl.DataFrame,
    best: Mapping[str, Standing],
    candidates: Sequence[Candidate],
    progress: Progress = lambda done, total, what: None,
) -> Expectations:
    """Forecast each series by its group's winner; residuals come from a day held out.

    `observations`: the training range in long form at the windows' own resolution: the spread is
    that of single windows, not of the coarser training steps.
    """
    by_name = {candidate.name: candidate for candidate in candidates}
    windows = observations.drop_nulls("value").partition_by("series_id", as_dict=True)
    rows = []
    for number, item in enumerate(training.series):
        winner = best[group_of(item)]
        rows.append(_expect(item, by_name[winner.candidate], windows[(item.series_id,)]))
        progress(number + 1, len(training.series), f"{winner.candidate} on {item.metric}")
    weekly = (training.end_at - training.start_at).days >= WEEKLY_FROM_DAYS
    season_s, slots = (WEEK_S, 7 * SLOTS_PER_DAY) if weekly else (DAY_S, SLOTS_PER_DAY)
    longest = max(len(forecast) for forecast, _, _ in rows)
    profiles = [season_profile(item.history, slots, season_s) for item in training.series]
    return Expectations(
        series_id=np.array([item.series_id for item in training.series], np.int64),
        origin_s=np.array([_end_s(item) for item in training.series]),
        step_s=np.array([float(item.step_s) for item in training.series]),
        forecast=np.stack([_padded(forecast, longest) for forecast, _, _ in rows]),
        profile=np.stack(profiles).astype(np.float32),
        season_s=np.full(len(rows), season_s),
        spread=np.array([spread for _, spread, _ in rows], np.float32),
        quantiles=np.stack([quantiles for _, _, quantiles in rows]).astype(np.float32),
    )


def _expect(
    item: TrainingSeries, candidate: Candidate, windows: pl.DataFrame
) -> tuple[np.ndarray, float, np.ndarray]:
    """(forecast after the history, spread, residual quantiles)."""
    steps = HORIZON_DAYS * item.steps_per_day
    held = min(steps, len(item.history) // 3)
    freq = pd.offsets.Second(item.step_s)
    past, recent = item.history.iloc[:-held].asfreq(freq), item.history.iloc[-held:]
    model = candidate.build(item.steps_per_day)
    rehearsal = model.forecast(past, held, item.deploys)  # type: ignore[union-attr]
    expected = pl.DataFrame(
        {
            "step": recent.index.to_numpy().astype("datetime64[us]"),
            "expected": np.asarray(rehearsal, float),
        }
    )
    step = pl.col("window_start").dt.replace_time_zone(None).dt.truncate(f"{item.step_s}s")
    residual = (
        windows.with_columns(step=step)
        .join(expected, on="step", how="inner")
        .select(pl.col("value") - pl.col("expected"))
        .to_series()
        .to_numpy()
    )
    if not len(residual):
        residual = recent.to_numpy() - rehearsal
    spread = 1.4826 * float(np.median(np.abs(residual)))
    forecast = candidate.build(item.steps_per_day).forecast(  # type: ignore[union-attr]
        item.history.asfreq(freq), steps, item.deploys
    )
    return np.asarray(forecast, np.float32), spread, np.quantile(residual, QUANTILES)


def _end_s(item: TrainingSeries) -> float:
    """The first instant after the history."""
    last = item.history.index[-1] + pd.Timedelta(seconds=item.step_s)
    return last.timestamp()


def _padded(forecast: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([forecast, np.full(length - len(forecast), np.nan, np.float32)])

"""From backtests to what a bundle holds: the winners' forecasts, profiles and residuals."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import polars as pl

from vigil.backtest.building import forecasters
from vigil.backtest.candidate import Candidate
from vigil.backtest.folds import group_of
from vigil.backtest.results import Standing
from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.features.season import season_profile
from vigil.forecast.contract import Forecaster

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
    fresh = _forecasters(training, best, by_name)
    for number, item in enumerate(training.series):
        winner = best[group_of(item)]
        models = fresh[group_of(item), item.step_s]
        rows.append(_expect(item, models, windows[(item.series_id,)]))
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


# Gives forecasters that know the past before the held out day, and such that know all of it.
_Fresh = tuple[Callable[[], Forecaster], Callable[[], Forecaster]]


def _forecasters(
    training: TrainingSet, best: Mapping[str, Standing], candidates: Mapping[str, Candidate]
) -> dict[tuple[str, int], _Fresh]:
    """By group and step, in seconds, of its series."""
    groups: dict[tuple[str, int], list[TrainingSeries]] = {}
    for item in training.series:
        groups.setdefault((group_of(item), item.step_s), []).append(item)
    fresh = {}
    for (group, step_s), items in groups.items():
        candidate, day = candidates[best[group].candidate], items[0].steps_per_day
        pasts = (_past_and_whole(item)[0] for item in items)
        wholes = (_past_and_whole(item)[1] for item in items)
        fresh[group, step_s] = (
            forecasters(candidate, day, pasts), forecasters(candidate, day, wholes),
        )  # fmt: skip
    return fresh


def _past_and_whole(item: TrainingSeries) -> tuple[pd.Series, pd.Series]:
    """The history without the day that is held out, and with it."""
    freq = pd.offsets.Second(item.step_s)
    return item.history.iloc[: -_held(item)].asfreq(freq), item.history.asfreq(freq)


def _held(item: TrainingSeries) -> int:
    return min(HORIZON_DAYS * item.steps_per_day, len(item.history) // 3)


def _expect(
    item: TrainingSeries, fresh: _Fresh, windows: pl.DataFrame
) -> tuple[np.ndarray, float, np.ndarray]:
    """(forecast after the history, spread, residual quantiles)."""
    of_past, of_whole = fresh
    past, whole = _past_and_whole(item)
    recent = item.history.iloc[-_held(item) :]
    rehearsal = of_past().forecast(past, len(recent), item.deploys)
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
    steps = HORIZON_DAYS * item.steps_per_day
    forecast = of_whole().forecast(whole, steps, item.deploys)
    return np.asarray(forecast, np.float32), spread, np.quantile(residual, QUANTILES)


def _end_s(item: TrainingSeries) -> float:
    """The first instant after the history."""
    last = item.history.index[-1] + pd.Timedelta(seconds=item.step_s)
    return last.timestamp()


def _padded(forecast: np.ndarray, length: int) -> np.ndarray:
    return np.concatenate([forecast, np.full(length - len(forecast), np.nan, np.float32)])

"""Observations on a regular grid: what models are trained on."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd
import polars as pl

from vigil.features.deploys import NO_DEPLOYS, instants

# A gap of up to this many steps is bridged; a longer one tells the series apart from its past.
BRIDGED_STEPS = 12
LEAST_DAYS = 2
LEAST_FILLED = 0.5


@dataclass(frozen=True, slots=True)
class TrainingSeries:
    """One series on its grid. `history`: float64, DatetimeIndex (UTC, no zone) without gaps.

    deploys: instants of the deploys that concern it (UTC, no zone), planned ones among them.
    """

    series_id: int
    metric: str
    step_s: int
    history: pd.Series
    deploys: pd.DatetimeIndex = field(default_factory=lambda: NO_DEPLOYS)

    @property
    def steps_per_day(self) -> int:
        """Length of the daily season in steps."""
        return round(86_400 / self.step_s)


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Series fit for training, and why the others are not: series_id → reason."""

    series: tuple[TrainingSeries, ...]
    excluded: dict[int, str]
    start_at: datetime
    end_at: datetime

    @property
    def data_hash(self) -> str:
        """The same for the same values, on every machine."""
        digest = hashlib.sha256()
        for item in self.series:
            digest.update(np.int64(item.series_id).tobytes())
            digest.update(item.history.index.to_numpy().astype("int64").tobytes())
            digest.update(item.history.to_numpy().tobytes())
            digest.update(item.deploys.to_numpy().astype("datetime64[us]").tobytes())
        return digest.hexdigest()


def series_step_s(times: pl.Series, least_s: int) -> int:
    """The usual gap between observations, at least `least_s`, in seconds."""
    gaps = times.diff().dt.total_seconds().drop_nulls()
    usual = gaps.filter(gaps > 0).median()
    return max(least_s, int(usual)) if isinstance(usual, float) else least_s


def on_grid(observations: pl.DataFrame, step_s: int) -> pd.Series:
    """One series' weighted means per step; NaN where nothing was measured.

    `observations`: window_start, value, weight of one series, sorted by time.
    """
    binned = (
        observations.drop_nulls("value")
        .group_by(pl.col("window_start").dt.truncate(f"{step_s}s"))
        .agg(
            # Windows without weight (no requests) still measure a rate of zero.
            value=((pl.col("value") * (pl.col("weight") + 1e-9)).sum())
            / (pl.col("weight") + 1e-9).sum(),
            plain=pl.col("value").mean(),
            metric=pl.col("metric").first(),
        )
        .sort("window_start")
    )
    column = "plain" if binned["metric"].first() == "request_rate" else "value"
    index = binned["window_start"].dt.replace_time_zone(None).to_numpy()
    series = pd.Series(binned[column].to_numpy(), index=pd.DatetimeIndex(index))
    return series.asfreq(pd.offsets.Second(step_s)) if len(series) else series


def training_set(
    observations: pl.DataFrame,
    start_at: datetime,
    end_at: datetime,
    least_step_s: int = 300,
    deploys: pl.DataFrame | None = None,
) -> TrainingSet:
    """All series of long-form `observations` that can be learnt from, with gaps bridged.

    `deploys`: those of the series, schema `vigil.features.deploys.DEPLOYS`; None for none.
    """
    deployed = {} if deploys is None else instants(deploys)
    kept, excluded = [], {}
    for (series_id,), rows in observations.group_by("series_id", maintain_order=True):
        assert isinstance(series_id, int)
        step_s = series_step_s(rows["window_start"], least_step_s)
        grid = on_grid(rows, step_s)
        reason = _unfit(grid, step_s)
        if reason:
            excluded[series_id] = reason
        else:
            bridged = grid.interpolate(limit=BRIDGED_STEPS).ffill().bfill()
            own = deployed.get(series_id, NO_DEPLOYS)
            kept.append(TrainingSeries(series_id, rows["metric"][0], step_s, bridged, own))
    return TrainingSet(tuple(kept), excluded, start_at, end_at)


def unfit_values(observations: pl.DataFrame, least_step_s: int = 300) -> dict[int, str]:
    """series_id → why values like these cannot be learnt from, however long they are watched.

    `observations` as `training_set` takes them; series without a reason are left out.
    """
    reasons = {}
    for (series_id,), rows in observations.group_by("series_id", maintain_order=True):
        assert isinstance(series_id, int)
        grid = on_grid(rows, series_step_s(rows["window_start"], least_step_s))
        reason = _unlearnable(grid)
        if reason:
            reasons[series_id] = reason
    return reasons


def _unfit(grid: pd.Series, step_s: int) -> str:
    """Why a series cannot be learnt from; empty when it can."""
    days = len(grid) * step_s / 86_400
    if days < LEAST_DAYS:
        return f"history must be at least {LEAST_DAYS} days, got {days:.1f}"
    return _unlearnable(grid)


def _unlearnable(grid: pd.Series) -> str:
    filled = float(grid.notna().mean()) if len(grid) else 0.0
    if filled < LEAST_FILLED:
        return f"at least {LEAST_FILLED:.0%} of the steps must be filled, got {filled:.0%}"
    if not grid.std() >= 1e-12:
        return "values must vary, all are alike"
    return ""

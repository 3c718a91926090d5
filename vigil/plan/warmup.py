"""When each series is ready to be judged, and which have too little in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from vigil.features.grid import unfit_values
from vigil.stores.score_blocks import BLOCK
from vigil.stores.timescale import WindowStore

# The grid of the training set: the same steps, and as much history as it needs at least.
TRAINING_STEP_S = 300
LOOKED_AT = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class SeriesWarmth:
    """One series of the sample.

    warm_s: from its first window until it may be flagged, extrapolated where the sample ends
    before; infinite where nothing was measured. windows: those it had; measured: those with a
    value; busy: those with the traffic that a latency needs. unfit: why no model can be trained on
    values like these, empty where one can.
    """

    series_id: int
    metric: str
    service: str
    route: str
    warm_s: float
    windows: int
    measured: int
    busy: int
    unfit: str


def series_warmth(
    store: WindowStore,
    start_at: datetime,
    end_at: datetime,
    window_s: int,
    least_traffic: float,
) -> tuple[SeriesWarmth, ...]:
    """A row a series that was scored between the two instants; `busy` windows have that traffic."""
    parts = [
        _progress(store.scores(at, upto), least_traffic) for at, upto in _pieces(start_at, end_at)
    ]
    progress = pl.concat(parts).group_by("series_id").agg(
        pl.col("first_at", "warm_at").min(), pl.col("last_at", "share").max(),
        pl.col("windows", "measured", "busy").sum(),
    )  # fmt: skip
    unfit = unfit_values(store.observations(max(start_at, end_at - LOOKED_AT), end_at),
                         max(TRAINING_STEP_S, window_s))  # fmt: skip
    named = progress.join(store.series(), on="series_id").sort("series_id")
    return tuple(
        SeriesWarmth(
            row["series_id"], row["metric"], row["service"] or "", row["route"] or "",
            _warm_s(row, window_s), row["windows"], row["measured"], row["busy"],
            unfit.get(row["series_id"], ""),
        )
        for row in named.iter_rows(named=True)
    )  # fmt: skip


def _progress(scores: pl.DataFrame, least_traffic: float) -> pl.DataFrame:
    """How far the warm-up of each series comes in some hours of decisions."""
    warm = pl.col("warming_up") >= 1
    return scores.filter(pl.col("revision") == 0).group_by("series_id").agg(
        first_at=pl.col("window_start").min(),
        last_at=pl.col("window_start").max(),
        warm_at=pl.col("window_start").filter(warm).min(),
        share=pl.col("warming_up").max(),
        windows=pl.len().cast(pl.Int64),
        measured=pl.col("actual").is_not_null().sum().cast(pl.Int64),
        busy=(pl.col("weight") >= least_traffic).sum().cast(pl.Int64),
    )  # fmt: skip


def _warm_s(row: dict[str, object], window_s: int) -> float:
    first_at, last_at, warm_at = row["first_at"], row["last_at"], row["warm_at"]
    assert isinstance(first_at, datetime)
    assert isinstance(last_at, datetime)
    if isinstance(warm_at, datetime):
        return (warm_at - first_at).total_seconds()
    share = float(row["share"])  # type: ignore[arg-type]
    seen_s = (last_at - first_at).total_seconds() + window_s
    return seen_s / share if share > 0 else float("inf")


def _pieces(start_at: datetime, end_at: datetime) -> Iterator[tuple[datetime, datetime]]:
    while start_at < end_at:
        upto = min(start_at + BLOCK, end_at)
        yield start_at, upto
        start_at = upto

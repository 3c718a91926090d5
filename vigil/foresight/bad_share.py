"""The share of bad requests of an objective, step by step, from the stored windows."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from vigil.objectives.budget import Counts
from vigil.objectives.indicators import chosen_keys, count_good
from vigil.objectives.openslo import Objective
from vigil.stores.timescale import WindowStore

STEP_S = 300
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class BadShare:
    """value: float64 (n,), 0 to 1, 0 where there were no requests; start_s: the first step's."""

    start_s: float
    value: np.ndarray

    @property
    def day_steps(self) -> int | None:
        """Steps of a day, None before a day is over."""
        return DAY_S // STEP_S if len(self.value) * STEP_S >= DAY_S else None

    def instants(self, steps: np.ndarray) -> list[datetime]:
        """When the steps (k,) begin."""
        return [datetime.fromtimestamp(self.start_s + step * STEP_S, UTC) for step in steps]


def read_counts(
    store: WindowStore, objective: Objective, start_at: datetime, end_at: datetime
) -> tuple[Counts, float]:
    """Good and all requests in steps of five minutes, and the epoch second of the first."""
    keys = chosen_keys(store.series(), objective)["key_id"].unique()
    ours = pl.col("key_id").is_in(keys.implode())
    windows = store.request_windows(start_at, end_at).filter(ours)
    if windows.is_empty():
        return Counts(np.zeros(0), np.zeros(0), float(STEP_S)), start_at.timestamp()
    latency = objective.kind == "latency"
    sketches = store.sketches(start_at, end_at if latency else start_at).filter(ours)
    first_s = windows["window_start"].dt.epoch("s").min()
    assert isinstance(first_s, int)
    counts = count_good(windows, sketches, objective, STEP_S)
    return counts, float(first_s // STEP_S * STEP_S)


def read_bad_share(
    store: WindowStore, objective: Objective, start_at: datetime, end_at: datetime
) -> BadShare:
    """Whole steps between the two instants; the one that `end_at` cuts is left out."""
    whole_s = end_at.timestamp() // STEP_S * STEP_S
    end_at = datetime.fromtimestamp(whole_s, UTC)
    counts, start_s = read_counts(store, objective, start_at, end_at)
    bad = counts.total - counts.good
    share = np.divide(bad, counts.total, out=np.zeros(len(bad)), where=counts.total > 0)
    return BadShare(start_s, share)

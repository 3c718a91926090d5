"""From request windows to good and all requests of an objective."""

import numpy as np
import polars as pl

from vigil.objectives.budget import Counts
from vigil.objectives.openslo import Objective
from vigil.windows.sketch import GAMMA, ZERO_BUCKET


def chosen_keys(keys: pl.DataFrame, objective: Objective) -> pl.DataFrame:
    """Rows of `keys` (key_id and key columns) that the objective selects."""
    wanted = [pl.col(column) == value for column, value in objective.select.items()]
    return keys.filter(*wanted)


def count_good(
    windows: pl.DataFrame, sketches: pl.DataFrame, objective: Objective, step_s: int
) -> Counts:
    """Good and all requests in steps of `step_s` seconds, from the first window to the last.

    windows: key_id, window_start, requests, errors of the chosen keys, one revision each.
    sketches: key_id, window_start, sketch_buckets, sketch_counts of the same, for latency.
    A fresh step of a freshness objective is one good of one; a step is fresh while traffic came
    within `limit` seconds of its end.
    """
    binned = windows.with_columns(step=pl.col("window_start").dt.epoch("s") // step_s)
    totals = binned.group_by("step").agg(
        pl.col("requests").sum().alias("total"), pl.col("errors").sum().alias("errors")
    )
    if objective.kind == "latency":
        assert objective.limit is not None
        fast = (
            sketches.with_columns(step=pl.col("window_start").dt.epoch("s") // step_s)
            .select("step", "sketch_buckets", "sketch_counts")
            .explode("sketch_buckets", "sketch_counts")
            .filter(pl.col("sketch_buckets") <= limit_bucket(objective.limit))
            .group_by("step")
            .agg(pl.col("sketch_counts").sum().alias("good"))
        )
        totals = totals.join(fast, on="step", how="left").with_columns(pl.col("good").fill_null(0))
    else:
        totals = totals.with_columns(good=pl.col("total") - pl.col("errors"))
    first, last = totals["step"].min(), totals["step"].max()
    if first is None:
        return Counts(np.zeros(0), np.zeros(0), float(step_s))
    steps = pl.DataFrame({"step": pl.int_range(first, last + 1, eager=True)})  # type: ignore[arg-type,operator]
    grid = steps.join(totals, on="step", how="left").fill_null(0).sort("step")
    good, total = grid["good"].to_numpy().astype(float), grid["total"].to_numpy().astype(float)
    if objective.kind == "freshness":
        return _fresh(total, objective.limit or 0.0, step_s)
    return Counts(good, total, float(step_s))


def _fresh(total: np.ndarray, limit_s: float, step_s: int) -> Counts:
    last = np.maximum.accumulate(np.where(total > 0, np.arange(len(total)), -1))
    age_s = (np.arange(len(total)) - last) * step_s
    return Counts((age_s <= limit_s).astype(float), np.ones(len(total)), float(step_s))


def limit_bucket(limit_ms: float) -> int:
    """The last bucket of the latency sketch whose values count as at most `limit_ms`."""
    return max(ZERO_BUCKET, int(np.ceil(np.log(limit_ms) / np.log(GAMMA))))

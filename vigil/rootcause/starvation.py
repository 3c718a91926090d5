"""Which entry no longer gets its part of the traffic, while others do."""

import numpy as np
import polars as pl

from vigil.journeys.tails import beta_binomial_tail
from vigil.rootcause.blocks import NOW

SIGNIFICANCE = 1e-6
# The mix of traffic changes by itself with the hour; a loss of half does not.
LEAST_LOSS = 0.5
CERTAINTY = 50.0


def blame_starvation(spans: pl.DataFrame) -> pl.DataFrame:
    """Blame of each entry: `component`, `expected`, `actual` (shares of all traces), `score`.

    `spans`: linked, with `block`. Shares, not rates: minutes that are missing from the data must
    not look like traffic that is missing. So an outage of all entries at once is not seen here.
    The score is the lost part of the expected share.
    """
    entries = (
        spans.filter(pl.col("link") == "root").group_by("component", "block").agg(traces=pl.len())
    )
    total = entries.group_by("block").agg(total=pl.col("traces").sum())
    blocks = total.join(entries.select("component").unique(), how="cross").join(
        entries, on=["component", "block"], how="left"
    )
    shares = blocks.with_columns(share=pl.col("traces").fill_null(0) / pl.col("total"))
    expected = (
        shares.filter(pl.col("block") != NOW)
        .group_by("component")
        .agg(expected=pl.col("share").median())
    )
    now = (
        shares.filter(pl.col("block") == NOW)
        .join(expected, on="component")
        .with_columns(actual="share", score=1 - pl.col("share") / pl.col("expected"))
        .filter(pl.col("score") > LEAST_LOSS)
    )
    trials, share = now["total"].to_numpy(), now["expected"].to_numpy()
    elsewhere = trials - now["traces"].fill_null(0).to_numpy()
    chance = beta_binomial_tail(
        elsewhere, trials, (1 - share) * CERTAINTY, np.maximum(share, 1e-9) * CERTAINTY
    )
    return now.filter(chance < SIGNIFICANCE).select("component", "expected", "actual", "score")

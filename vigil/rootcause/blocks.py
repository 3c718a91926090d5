"""The past in blocks of one minute, the recent ones weighing most."""

import numpy as np
import polars as pl

BLOCK_US = 60_000_000
# Blocks, not minutes: gaps in the data must not age what is known.
HALF_LIFE_BLOCKS = 8.0
NOW = -1


def with_block(frame: pl.DataFrame, at_us: int) -> pl.DataFrame:
    """Adds `block` (int64): −1 (`NOW`) from `at_us` on, else whole minutes before it."""
    before = (at_us - pl.col("start_us") - 1) // BLOCK_US
    return frame.with_columns(
        block=pl.when(pl.col("start_us") >= at_us).then(NOW).otherwise(before)
    )


def block_weights(blocks: pl.Series) -> pl.DataFrame:
    """`block`, `weight` of each different past block; the newest weighs 1, older ones less."""
    past = blocks.filter(blocks >= 0).unique().sort()
    weight = 0.5 ** (np.arange(past.len()) / HALF_LIFE_BLOCKS)
    return pl.DataFrame({"block": past, "weight": weight}, schema_overrides={"block": pl.Int64})

"""Sliding windows out of tumbling ones: each is the sum of the panes that it covers.

Records are folded once, into panes as long as the step; a window of any length is made of those,
and of the same mergeable parts, so a quantile of an hour every minute costs no record anything.

Source: Li, Maier, Tufte, Papadimos and Tucker, "No pane, no gain: efficient evaluation of
sliding-window aggregates over data streams", SIGMOD Record 34(1), 2005.
"""

import polars as pl

from vigil.windows.folds import Fold, Parts


def slide(panes: Parts, fold: Fold, window_us: int, step_us: int) -> Parts:
    """Parts of windows of `window_us` that begin every `step_us`, from panes of `step_us`.

    `window_start` of a pane and of a window is its beginning, in epoch µs. A window is there when
    at least one of its panes is. Raises ValueError unless the window is a whole number of steps.
    """
    if step_us <= 0 or window_us <= 0 or window_us % step_us:
        raise ValueError(f"window_us must be a multiple of step_us, got {window_us} and {step_us}")
    shift = pl.int_ranges(0, window_us, step_us)
    spread = {
        name: part.with_columns(shift=shift)
        .explode("shift")
        .with_columns(pl.col("window_start") - pl.col("shift"))
        .select(part.columns)
        for name, part in panes.items()
    }
    return fold.merge(spread)

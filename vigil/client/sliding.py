"""Request windows that slide: each sums up a longer time before its end, from the stored ones."""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property

import polars as pl
import sqlalchemy as sa

from vigil.client.sql import Conditions, SqlSource
from vigil.client.time_range import TimeRange
from vigil.errors import UsageError
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.database import Schema, parse_ints
from vigil.stores.timescale import REQUEST_WINDOWS
from vigil.windows.folds import Parts, RequestFold
from vigil.windows.sliding import slide

# What is read and unfolded at once; a window has some dozen buckets.
MOST_WINDOWS = 500_000
_SKETCH = ("sketch_buckets", "sketch_counts")
_STORED: Schema = {**REQUEST_WINDOWS, **dict.fromkeys((*_SKETCH, *KEY_COLUMNS), pl.String)}
# A sum of windows has no revision of its own.
SLIDING: Schema = {
    **{name: kind for name, kind in REQUEST_WINDOWS.items() if name != "revision"},
    **dict.fromkeys(KEY_COLUMNS, pl.String),
}


class SlidingSource:
    """Of each key and window in the range, the requests of `over` that end with it (SLIDING).

    conditions: of the stored windows, from `over` before the range on. A window is there where its
    last pane may be: from the first request in `over` before its end.
    """

    def __init__(
        self,
        engine: Callable[[], sa.Engine],
        asked: TimeRange,
        over: timedelta,
        conditions: Conditions,
    ) -> None:
        self._asked = asked
        self._over = over
        select = f"SELECT {', '.join(_STORED)} FROM request_windows JOIN keys USING (key_id)"
        self._panes = SqlSource(engine, select, conditions, "key_id, window_start", _STORED)

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first rows by key and time."""
        return self._windows.head(most_rows)

    def count(self) -> int:
        """How many there are."""
        return self._windows.height

    @cached_property
    def _windows(self) -> pl.DataFrame:
        stored = self._panes.fetch(MOST_WINDOWS + 1)
        if stored.height > MOST_WINDOWS:
            raise UsageError(
                f"windows over a longer time: more than {MOST_WINDOWS:,} windows would have to be"
                " summed up: narrow the selection"
            )
        if stored.is_empty():
            return pl.DataFrame(schema=SLIDING)
        step_us = int(stored["window_s"].max()) * 1_000_000  # type: ignore[arg-type]
        over_us = self._over // timedelta(microseconds=1)
        if over_us < step_us or over_us % step_us:
            raise UsageError(
                f"over must be a whole number of windows of {step_us // 1_000_000} s,"
                f" got {self._over.total_seconds():g} s"
            )
        fold = RequestFold()
        closed = fold.close(slide(_parts(stored, fold), fold, over_us, step_us))
        names = stored.select("key_id", *KEY_COLUMNS).unique("key_id")
        # Named by its last pane, as the windows that it is seen beside.
        named = closed.with_columns(
            (pl.col("window_start") + over_us - step_us).cast(pl.Datetime("us", "UTC")),
            window_s=pl.lit(over_us // 1_000_000, pl.Int32),
        )
        within = named.filter(
            pl.col("window_start").is_between(self._asked.start_at, self._asked.end_at, "left")
        )
        return within.join(names, on="key_id").select(*SLIDING).sort("key_id", "window_start")


def _parts(stored: pl.DataFrame, fold: RequestFold) -> Parts:
    """The panes as the fold has them; which traces were worst is not asked."""
    panes = stored.with_columns(pl.col("window_start").dt.epoch("us"))
    empty = fold.empty()
    lists = panes.select("key_id", "window_start", *map(parse_ints, _SKETCH))
    unfolded = lists.explode(*_SKETCH).drop_nulls()
    sketch = unfolded.rename({"sketch_buckets": "bucket", "sketch_counts": "count"})
    return {
        "sums": panes.select(empty["sums"].columns),
        "sketch": sketch.cast({"bucket": pl.Int32}),
        "worst": empty["worst"],
    }

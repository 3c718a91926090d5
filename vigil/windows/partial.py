"""Windows of one partition, folded apart from the others, for who puts all partitions together.

Parts of a window merge in any order. So each of many processes folds the partitions that it reads,
hands over what has ended, and `TumblingWindows.add` makes the windows of the whole stream of it.
"""

import numpy as np
import polars as pl

from vigil.windows.folds import Fold, Parts
from vigil.windows.tumbling import SECOND_US, WindowSpec, place
from vigil.windows.watermark import UNSEEN, Watermark

_OWN = 0


class PartialWindows:
    """Folds the records of one partition; lateness is judged by its own watermark.

    After a crash it is made anew from `newest_us` and `closed_to_us`, as they were with the last
    parts that were handed over, and takes again what was read from `began_at` on.
    """

    def __init__(
        self, spec: WindowSpec, fold: Fold, newest_us: int = UNSEEN, closed_to_us: int = UNSEEN
    ) -> None:
        self.spec = spec
        self.fold = fold
        self.closed_to_us = closed_to_us
        self._watermark = Watermark(spec.out_of_order_s * SECOND_US)
        self._watermark.reach(_OWN, newest_us)
        self._open = [fold.empty()]
        self._offsets: dict[int, int] = {}

    @property
    def newest_us(self) -> int:
        """The newest event so far, epoch µs; UNSEEN before the first."""
        return self._watermark.newest_us[_OWN]

    def push(self, records: pl.DataFrame, offset: int) -> pl.DataFrame:
        """Take records as `TumblingWindows.push` does, read from `offset` on; returns late ones."""
        in_force = self._watermark.observe(_OWN, records["time"].dt.epoch("us").to_numpy())
        placed, late = place(records, self.spec, in_force)
        self._fold(placed, offset)
        return late

    def push_again(self, records: pl.DataFrame, offset: int) -> None:
        """Take records that were read in an earlier life: of them, what was not handed over."""
        placed, _ = place(records, self.spec, np.full(records.height, UNSEEN))
        self._fold(placed.filter(~self._ended()), offset)

    def _fold(self, placed: pl.DataFrame, offset: int) -> None:
        if placed.is_empty():
            return
        parts = self.fold.partial(placed)
        self._open.append(parts)
        for start in parts["sums"]["window_start"].unique():
            self._offsets.setdefault(start, offset)

    @property
    def is_due(self) -> bool:
        """Has a window ended since the last `take`?"""
        return self._close_to() > self.closed_to_us

    def _close_to(self) -> int:
        current_us = self._watermark.advance()
        if current_us == UNSEEN:
            return UNSEEN
        return max(self.closed_to_us, current_us // self.spec.window_us * self.spec.window_us)

    def take(self, everything: bool = False) -> Parts:
        """The parts of windows that have ended and were not taken, or of all windows."""
        self.closed_to_us = self._close_to()
        ended = pl.lit(True) if everything else self._ended()
        merged = self.fold.merge(
            {name: pl.concat([parts[name] for parts in self._open]) for name in self._open[0]}
        )
        self._open = [{name: part.filter(~ended) for name, part in merged.items()}]
        still = set(self._open[0]["sums"]["window_start"])
        self._offsets = {start: at for start, at in self._offsets.items() if start in still}
        return {name: part.filter(ended) for name, part in merged.items()}

    def _ended(self) -> pl.Expr:
        return pl.col("window_start") + self.spec.window_us <= self.closed_to_us

    def began_at(self, offset: int) -> int:
        """Where the oldest records lie that were not taken; `offset` where all were."""
        return min(self._offsets.values(), default=offset)

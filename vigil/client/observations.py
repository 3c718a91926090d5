"""Observations of a range, read whole: both kinds of windows have to be joined for them, and what
operators said of them.
"""

from collections.abc import Callable

import polars as pl
import sqlalchemy as sa

from vigil.client.time_range import TimeRange
from vigil.features.labelled import learnable
from vigil.stores.labels import LabelStore
from vigil.stores.timescale import WindowStore


class ObservationSource:
    """Observations of all series, by series and time; kept once they are read."""

    def __init__(self, engine: Callable[[], sa.Engine], asked: TimeRange) -> None:
        self._engine = engine
        self._asked = asked
        self._all: pl.DataFrame | None = None

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first observations."""
        if self._all is None:
            engine = self._engine()
            found = WindowStore(engine).observations(self._asked.start_at, self._asked.end_at)
            self._all = learnable(found, LabelStore(engine).labelled())
        return self._all.head(most_rows)

    def count(self) -> int:
        """How many there are."""
        self.fetch(0)
        assert self._all is not None
        return self._all.height

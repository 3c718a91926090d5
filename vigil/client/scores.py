"""Decisions from the ledger, whose older ones lie in compressed blocks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import polars as pl
import sqlalchemy as sa

from vigil.client.sql import SqlSource
from vigil.client.time_range import TimeRange
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.timescale import SCORES, WindowStore

# A few series at first, so that a preview is quick, then more at once.
FIRST_SERIES, MOST_SERIES = 8, 512
# Reading decisions unpacks them, so that those found are kept when they are this few.
KEPT_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Of which range, flagged or not, and each revision or the last only."""

    asked: TimeRange
    flagged: bool | None
    revisions: bool


class ScoreSource:
    """Decisions with the names of their series, by series, time and revision."""

    def __init__(self, engine: Callable[[], sa.Engine], series: SqlSource, wanted: Wanted) -> None:
        self._engine = engine
        self._series = series
        self._wanted = wanted
        self._all: pl.DataFrame | None = None

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first decisions; reading ends as soon as there are enough."""
        if self._all is not None:
            return self._all.head(most_rows)
        kept, rows, complete = [self._empty()], 0, True
        for part in self._parts():
            kept.append(part)
            rows += part.height
            if rows >= most_rows:
                complete = False
                break
        found = pl.concat(kept)
        if complete and rows <= KEPT_ROWS:
            self._all = found
        return found.head(most_rows)

    def count(self) -> int:
        """How many decisions there are; reads them unless a `fetch` found all."""
        if self._all is None:
            rows = sum(part.height for part in self._parts())
            if rows <= KEPT_ROWS:
                self.fetch(KEPT_ROWS + 1)
            return rows
        return self._all.height

    def _parts(self) -> Iterator[pl.DataFrame]:
        series = self._series.fetch(self._series.count())
        store, size, first = WindowStore(self._engine()), FIRST_SERIES, 0
        while first < series.height:
            chosen = series[first : first + size]
            first, size = first + size, min(2 * size, MOST_SERIES)
            yield self._kept(store, chosen)

    def _kept(self, store: WindowStore, chosen: pl.DataFrame) -> pl.DataFrame:
        wanted = self._wanted
        scores = store.scores(
            wanted.asked.start_at, wanted.asked.end_at, series_ids=chosen["series_id"].to_list()
        )
        if not wanted.revisions:
            window = ["series_id", "window_start"]
            scores = scores.unique(window, keep="last", maintain_order=True)
        if wanted.flagged is not None:
            scores = scores.filter(pl.col("flagged") == wanted.flagged)
        names = chosen.select("series_id", "metric", *KEY_COLUMNS)
        return scores.join(names, on="series_id", maintain_order="left")

    @staticmethod
    def _empty() -> pl.DataFrame:
        return pl.DataFrame(
            schema={**SCORES, "metric": pl.String, **dict.fromkeys(KEY_COLUMNS, pl.String)}
        )

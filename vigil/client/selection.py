"""A lazy, bounded selection of rows: nothing is read until somebody looks."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import polars as pl

from vigil.client.html import preview_html
from vigil.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go
    import pyarrow as pa

MOST_ROWS = 2_000_000
PREVIEW_ROWS = 10


class TooManyRows(UsageError):
    """More rows than the selection's bound: narrow it, or raise the bound."""


class Source(Protocol):
    """Where a selection's rows come from."""

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first rows, `most_rows` at most."""
        ...

    def count(self) -> int:
        """How many rows there are."""
        ...


class Selection:
    """Rows that were asked for; read on use, `most_rows` at most.

    Take them as `polars()`, `pandas()` or `arrow()`; anything that speaks Arrow's C stream
    (polars, DuckDB, pyarrow) takes the selection itself. In a notebook it shows its count and its
    first rows. More rows than the bound raise TooManyRows instead of filling the memory.
    """

    def __init__(
        self,
        what: str,
        source: Source,
        most_rows: int = MOST_ROWS,
        plot: "Callable[[pl.DataFrame], go.Figure] | None" = None,
    ) -> None:
        self.what = what
        self.most_rows = most_rows
        self._source = source
        self._plot = plot

    def polars(self) -> pl.DataFrame:
        """All rows as a polars frame."""
        frame = self._source.fetch(self.most_rows + 1)
        if frame.height > self.most_rows:
            raise TooManyRows(
                f"{self.what}: {self._source.count():,} rows are more than "
                f"most_rows={self.most_rows:,}: narrow the selection, or pass a larger most_rows"
            )
        return frame

    def pandas(self) -> "pd.DataFrame":
        """All rows as a pandas frame."""
        return self.polars().to_pandas()

    def arrow(self) -> "pa.Table":
        """All rows as a pyarrow table."""
        return self.polars().to_arrow()

    def head(self, rows: int = PREVIEW_ROWS) -> pl.DataFrame:
        """The first rows as a polars frame; reads no more than these."""
        return self._source.fetch(rows)

    def __len__(self) -> int:
        """The number of rows, counted where they lie."""
        return self._source.count()

    def plot(self) -> "go.Figure":
        """A Plotly figure of the rows; only scores of one to a few series have one."""
        if self._plot is None:
            raise UsageError(f"{self.what} have no plot of their own: use .polars() and Plotly")
        return self._plot(self.polars())

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Arrow's C stream interface."""
        return self.polars().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        first = self.head()
        return f"{self.what}: {len(self):,} rows\n{first}"

    def _repr_html_(self) -> str:
        first = self.head()
        return preview_html(self.what, len(self), first)

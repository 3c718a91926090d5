"""Observations to learn from, by what operators said of them.

An incident is no example of the usual: its windows lose their values. A confirmed change makes what
was before it another series: it is left out. A false alarm was usual after all, and stays.
"""

from dataclasses import dataclass, field
from typing import Any

import polars as pl

# One row a series of each confirmed incident, both ends included.
INCIDENTS: dict[str, Any] = {
    "series_id": pl.Int64,
    "first_window": pl.Datetime("us", "UTC"),
    "last_window": pl.Datetime("us", "UTC"),
}
# One row a series: its newest confirmed change.
CHANGES: dict[str, Any] = {"series_id": pl.Int64, "changed_at": pl.Datetime("us", "UTC")}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Spans of confirmed incidents (schema INCIDENTS) and confirmed changes (schema CHANGES)."""

    incidents: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=INCIDENTS))
    changes: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=CHANGES))


def learnable(observations: pl.DataFrame, labelled: Labelled) -> pl.DataFrame:
    """The observations without values in incidents, and without rows before a change.

    `observations`: series_id, window_start, value and any other columns; order is kept.
    """
    rows = observations.with_row_index("row")
    after = rows.join(labelled.changes, on="series_id", how="left", maintain_order="left").filter(
        pl.col("changed_at").is_null() | (pl.col("window_start") >= pl.col("changed_at"))
    )
    spoilt = (
        after.select("row", "series_id", "window_start")
        .join(labelled.incidents, on="series_id", how="inner")
        .filter(pl.col("window_start").is_between("first_window", "last_window"))
    )
    usual = ~pl.col("row").is_in(spoilt["row"].unique().implode())
    return after.with_columns(value=pl.when(usual).then("value")).drop("row", "changed_at")

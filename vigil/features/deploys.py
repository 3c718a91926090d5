"""Which deploys concern which series."""

from typing import Any

import pandas as pd
import polars as pl

DEPLOY = "deploy"
# One row a series and deploy.
DEPLOYS: dict[str, Any] = {"series_id": pl.Int64, "at": pl.Datetime("us", "UTC")}
NO_DEPLOYS = pd.DatetimeIndex([])


def deploys_of_series(changes: pl.DataFrame, series: pl.DataFrame) -> pl.DataFrame:
    """The deploys of each series, schema DEPLOYS, by series and time.

    changes: at, kind, service, environment; a name that is null concerns all. series: series_id,
    service, environment.
    """
    deploys = changes.filter(pl.col("kind") == DEPLOY).select("at", "service", "environment")
    concerns = [
        pl.col(f"{name}_changed").is_null() | (pl.col(f"{name}_changed") == pl.col(name))
        for name in ("service", "environment")
    ]
    both = series.join(deploys, how="cross", suffix="_changed").filter(*concerns)
    return both.select(*DEPLOYS).unique().cast(pl.Schema(DEPLOYS)).sort("series_id", "at")


def instants(deploys: pl.DataFrame) -> dict[int, pd.DatetimeIndex]:
    """series_id → instants (UTC, no zone, rising) of a frame like DEPLOYS."""
    plain = deploys.with_columns(pl.col("at").dt.replace_time_zone(None)).sort("series_id", "at")
    return {
        int(series_id): pd.DatetimeIndex(rows["at"].to_numpy())
        for (series_id,), rows in plain.group_by("series_id", maintain_order=True)
    }

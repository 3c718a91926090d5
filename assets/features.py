"""Features of the series, day by day."""

import dagster as dg
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from assets.partitions import daily, fresh_daily, patient, together
from assets.ranges import range_of, range_path
from assets.resources import VigilResource

PLOTTED_SERIES = 3


@dg.asset(
    deps=["observations"],
    partitions_def=daily,
    backfill_policy=together,
    retry_policy=patient,
    freshness_policy=fresh_daily,
    group_name="features",
    kinds={"polars"},
)
def features(context: dg.AssetExecutionContext, vigil: VigilResource) -> dg.MaterializeResult:
    """Level, spread, season, residual and lags; one row per series and step."""
    from assets.plots import lines_plot, markdown
    from vigil.features.frame import FEATURES, feature_blocks, features_of
    from vigil.features.grid import training_set

    start_at, end_at = range_of(context)
    with vigil.windows() as store:
        training = training_set(store.observations(start_at, end_at), start_at, end_at)
    path = range_path(vigil.folder("features"), start_at, end_at)
    schema = pl.DataFrame(schema=FEATURES).to_arrow().schema
    rows = 0
    with pq.ParquetWriter(path, schema) as file:
        for block in feature_blocks(training.series):
            file.write_table(block.to_arrow())
            rows += block.height
    shown = [
        (f"{item.metric} ({item.series_id})", _plotted(features_of([item])))
        for item in training.series[:PLOTTED_SERIES]
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows,
            "series": len(training.series),
            "excluded": len(training.excluded),
            "path": dg.MetadataValue.path(path),
            "plot": markdown(lines_plot("Features", shown)),
        }
    )


def _plotted(features: pl.DataFrame) -> pd.DataFrame:
    return features.select("time", "value", "level", "seasonal").to_pandas().set_index("time")

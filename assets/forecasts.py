"""The coming day of every series, made each night, and what last night's was worth."""

from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl

from assets.partitions import daily, fresh_daily, patient
from assets.ranges import range_path
from assets.resources import VigilResource

HISTORY = timedelta(days=28)
STEP_S = 3_600


@dg.asset(
    deps=["observations"],
    partitions_def=daily,
    retry_policy=patient,
    freshness_policy=fresh_daily,
    group_name="forecasts",
    kinds={"parquet", "darts"},
)
def forecasts(context: dg.AssetExecutionContext, vigil: VigilResource) -> dg.MaterializeResult:
    """Hour by hour the day after the partition, with quantiles; routes, services and the estate add
    up. The forecast of this partition's own day, made the night before, is judged by it.
    """
    from vigil.features.grid import training_set
    from vigil.forecast.estate import forecast_estate, judge_forecasts

    day = context.partition_time_window
    start_at = day.end - HISTORY
    with vigil.windows() as store:
        observed = store.observations(start_at, day.end)
        services = {row[0]: row[1] or "" for row in store.series()["series_id", "service"].rows()}
    training = training_set(observed, start_at, day.end, STEP_S)
    made = forecast_estate(training, services)
    folder = vigil.folder("forecasts")
    path = range_path(folder, day.end, day.end + timedelta(days=1))
    made.write_parquet(path)
    metadata: dict[str, Any] = {
        "dagster/row_count": made.height,
        "series": len(training.series),
        "excluded": len(training.excluded),
        "path": dg.MetadataValue.path(path),
    }
    earlier = range_path(folder, day.start, day.end)
    if earlier.exists():
        verdict = judge_forecasts(pl.read_parquet(earlier), training)
        metadata |= {
            "last_night_compared": verdict.compared,
            "last_night_error_over_day_before": verdict.relative_error,
            "last_night_covered_80": verdict.covered_80,
            "last_night_covered_95": verdict.covered_95,
        }
    return dg.MaterializeResult(metadata=metadata)

"""Features of the series, day by day."""

import dagster as dg

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
    kinds={"pandas"},
)
def features(context: dg.AssetExecutionContext, vigil: VigilResource) -> dg.MaterializeResult:
    """Level, spread, season, residual and lags; one row per series and step."""
    from assets.plots import lines_plot, markdown
    from vigil.features.frame import feature_frame, features_of
    from vigil.features.grid import training_set

    start_at, end_at = range_of(context)
    with vigil.windows() as store:
        training = training_set(store.observations(start_at, end_at), start_at, end_at)
    frame = features_of(training)
    path = range_path(vigil.folder("features"), start_at, end_at)
    frame.to_parquet(path)
    shown = [
        (f"{item.metric} ({item.series_id})", feature_frame(item)[["value", "level", "seasonal"]])
        for item in training.series[:PLOTTED_SERIES]
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(frame),
            "series": len(training.series),
            "excluded": len(training.excluded),
            "path": dg.MetadataValue.path(path),
            "plot": markdown(lines_plot("Features", shown)),
        }
    )

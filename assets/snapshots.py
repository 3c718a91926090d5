"""The event log and the database, hour by hour, as files that a run can be repeated from."""

import dagster as dg

from assets.partitions import fresh_hourly, hourly, patient, together
from assets.ranges import range_of, range_path
from assets.resources import VigilResource


@dg.asset(
    partitions_def=hourly,
    backfill_policy=together,
    retry_policy=patient,
    freshness_policy=fresh_hourly,
    group_name="snapshots",
    kinds={"parquet"},
)
def event_log_snapshot(
    context: dg.AssetExecutionContext, vigil: VigilResource
) -> dg.MaterializeResult:
    """Valid events of the log, as they were accepted; dead letters stay in their topic."""
    from vigil.events.decode import Limits
    from vigil.stores.snapshots import snapshot_events

    start_at, end_at = range_of(context)
    settings = vigil.settings()
    limits = Limits(settings.future_s, settings.earliest_at)
    with vigil.event_log() as event_log:
        path = range_path(vigil.folder("events"), start_at, end_at)
        facts = snapshot_events(event_log, start_at, end_at, path, limits)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": facts.rows,
            "messages_read": facts.messages_read,
            "path": dg.MetadataValue.path(facts.path),
        }
    )


@dg.asset(
    partitions_def=hourly,
    backfill_policy=together,
    retry_policy=patient,
    freshness_policy=fresh_hourly,
    group_name="snapshots",
    kinds={"postgres", "parquet"},
)
def observations(context: dg.AssetExecutionContext, vigil: VigilResource) -> dg.MaterializeResult:
    """Windows of the database as observations: one row per series and window."""
    start_at, end_at = range_of(context)
    with vigil.windows() as store:
        frame = store.observations(start_at, end_at)
    path = range_path(vigil.folder("observations"), start_at, end_at)
    frame.write_parquet(path)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "series": frame["series_id"].n_unique(),
            "path": dg.MetadataValue.path(path),
        }
    )

"""The composition root: everything that Dagster shows and runs."""

import dagster as dg

from assets import champion, checks, drill, features, forecasts, outlook, snapshots, training
from assets.owners import described
from assets.resources import VigilResource
from jobs import schedules
from sensors.promotion import promotion_sensor
from sensors.rollback import rollback_sensor

_ASSETS = [
    asset
    for asset in dg.load_assets_from_modules(
        [snapshots, features, forecasts, outlook, training, champion, drill]
    )
    if isinstance(asset, dg.AssetsDefinition)
]

defs = dg.Definitions(
    assets=dg.map_asset_specs(described, _ASSETS),
    asset_checks=[
        checks.observations_fresh,
        checks.observations_schema,
        checks.observations_complete,
        checks.training_set_drift,
    ],
    jobs=[
        schedules.snapshots,
        schedules.features,
        schedules.forecasts,
        schedules.outlook,
        schedules.training,
        schedules.promote,
        schedules.review,
        schedules.drill,
    ],
    schedules=[
        schedules.hourly_snapshots,
        schedules.daily_features,
        schedules.daily_forecasts,
        schedules.hourly_outlook,
        schedules.daily_training,
        schedules.hourly_review,
        schedules.nightly_drill,
    ],
    sensors=[promotion_sensor(schedules.promote), rollback_sensor(schedules.promote)],
    resources={"vigil": VigilResource()},
)

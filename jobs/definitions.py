"""The composition root: everything that Dagster shows and runs."""

import dagster as dg

from assets import champion, checks, drill, features, forecasts, outlook, snapshots, training, trial
from assets.automation import automation_sensor
from assets.environments import environment_resources
from assets.owners import described
from jobs import schedules
from sensors.promotion import promotion_sensor
from sensors.retraining import retraining_sensor
from sensors.rollback import rollback_sensor

_ASSETS = [
    asset
    for asset in dg.load_assets_from_modules(
        [snapshots, features, forecasts, outlook, training, trial, champion, drill]
    )
    if isinstance(asset, dg.AssetsDefinition)
]

defs = dg.Definitions(
    assets=dg.map_asset_specs(described, _ASSETS),
    asset_checks=[
        checks.observations_fresh,
        checks.observations_schema,
        checks.observations_complete,
        checks.data_drift,
        checks.residual_drift,
        checks.calibration_drift,
    ],
    jobs=[
        schedules.snapshots,
        schedules.features,
        schedules.forecasts,
        schedules.outlook,
        schedules.training,
        schedules.challenge,
        schedules.promote,
        schedules.conclude,
        schedules.review,
        schedules.drill,
    ],
    schedules=[
        schedules.hourly_snapshots,
        schedules.daily_features,
        schedules.daily_forecasts,
        schedules.hourly_outlook,
        schedules.weekly_training,
        schedules.nightly_drill,
    ],
    sensors=[
        promotion_sensor(schedules.promote, schedules.challenge, schedules.conclude),
        rollback_sensor(schedules.promote),
        retraining_sensor(schedules.training),
        automation_sensor(),
    ],
    resources=environment_resources(),
)

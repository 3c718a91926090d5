"""Jobs over the assets, and when they run."""

import dagster as dg

from assets.automation import TIMEZONE
from assets.environments import schedule_status

snapshots = dg.define_asset_job(
    "take_snapshots",
    description="The event log and the windows of some hours, as files.",
    selection=["event_log_snapshot", "observations"],
)
features = dg.define_asset_job(
    "build_features", description="Features of some days.", selection=["features"]
)
forecasts = dg.define_asset_job(
    "forecast", description="The coming day of every series.", selection=["forecasts"]
)
outlook = dg.define_asset_job(
    "look_ahead", description="Which objectives may break, and when.", selection=["outlook"]
)
training = dg.define_asset_job(
    "train",
    description="Training set, backtests of all candidates, the winners as a challenger; promotes"
    " nothing.",
    selection=["training_set", "backtests", "challenger"],
)
# One small step: a process of its own for it would take longer than the promotion.
promote = dg.define_asset_job(
    "promote",
    description="Makes a bundle champion, also to go back to it.",
    selection=["champion"],
    executor_def=dg.in_process_executor,
)
challenge = dg.define_asset_job(
    "challenge",
    description="Puts a bundle into the shadow, and replays the past with it.",
    selection=["trial"],
)
conclude = dg.define_asset_job(
    "conclude",
    description="Ends a trial without a promotion.",
    selection=["trial_verdict"],
    executor_def=dg.in_process_executor,
)
review = dg.define_asset_job(
    "review", description="The last day of the stream at a glance.", selection=["score_review"]
)
drill = dg.define_asset_job(
    "drill",
    description="Faults in a copy of yesterday: who would notice?",
    selection=["fault_drill"],
)

hourly_snapshots = dg.build_schedule_from_partitioned_job(
    snapshots, minute_of_hour=5, default_status=schedule_status(),
    description="The hour that has ended: its events and windows, as files.",
)  # fmt: skip
daily_features = dg.build_schedule_from_partitioned_job(
    features, hour_of_day=0, minute_of_hour=20, default_status=schedule_status(),
    description="Features of the day that has ended.",
)  # fmt: skip
daily_forecasts = dg.build_schedule_from_partitioned_job(
    forecasts, hour_of_day=0, minute_of_hour=30, default_status=schedule_status(),
    description="Forecasts of the day that begins, and a verdict on yesterday's.",
)  # fmt: skip
hourly_outlook = dg.build_schedule_from_partitioned_job(
    outlook, minute_of_hour=10, default_status=schedule_status(),
    description="Whether an objective may break within four hours.",
)  # fmt: skip
# By the clock once a week; in between `retrain_when_drifted` asks for it.
weekly_training = dg.ScheduleDefinition(
    job=training, cron_schedule="40 0 * * 1", execution_timezone=TIMEZONE,
    default_status=schedule_status(),
    description="Training after Sunday's features, whether or not anything has drifted.",
)  # fmt: skip
nightly_drill = dg.ScheduleDefinition(
    job=drill, cron_schedule="30 3 * * *", execution_timezone=TIMEZONE,
    default_status=schedule_status(),
    description="Faults in a copy of yesterday, while nobody works.",
)  # fmt: skip

"""Jobs over the assets, and when they run."""

import dagster as dg

snapshots = dg.define_asset_job("take_snapshots", selection=["event_log_snapshot", "observations"])
features = dg.define_asset_job("build_features", selection=["features"])
forecasts = dg.define_asset_job("forecast", selection=["forecasts"])
outlook = dg.define_asset_job("look_ahead", selection=["outlook"])
training = dg.define_asset_job("train", selection=["training_set", "backtests", "challenger"])
# One small step: a process of its own for it would take longer than the promotion.
promote = dg.define_asset_job(
    "promote", selection=["champion"], executor_def=dg.in_process_executor
)
review = dg.define_asset_job("review", selection=["score_review"])
drill = dg.define_asset_job("drill", selection=["fault_drill"])

hourly_snapshots = dg.build_schedule_from_partitioned_job(snapshots, minute_of_hour=5)
daily_features = dg.build_schedule_from_partitioned_job(features, hour_of_day=0, minute_of_hour=20)
daily_forecasts = dg.build_schedule_from_partitioned_job(
    forecasts, hour_of_day=0, minute_of_hour=30
)
hourly_outlook = dg.build_schedule_from_partitioned_job(outlook, minute_of_hour=10)
# After the day's features; retraining is cheap, promotion still has to be earned.
daily_training = dg.ScheduleDefinition(job=training, cron_schedule="40 0 * * *")
hourly_review = dg.ScheduleDefinition(job=review, cron_schedule="15 * * * *")
nightly_drill = dg.ScheduleDefinition(job=drill, cron_schedule="30 3 * * *")

"""Time partitions. Their start is configurable, since simulated data may lie in the past."""

import os
from datetime import timedelta

import dagster as dg

START = os.environ.get("VIGIL_PARTITIONS_START", "2026-03-01")

hourly = dg.HourlyPartitionsDefinition(start_date=f"{START}-00:00", timezone="UTC")
daily = dg.DailyPartitionsDefinition(start_date=START, timezone="UTC")

# A range of partitions is one run: reading the log or the database once beats once per hour.
together = dg.BackfillPolicy.single_run()
patient = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)

# Two missed runs in a row are worth a look.
fresh_hourly = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=3), warn_window=timedelta(hours=2)
)
fresh_daily = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=3), warn_window=timedelta(days=2)
)
fresh_weekly = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=15), warn_window=timedelta(days=8)
)

"""When Dagster acts by itself: conditions of assets and checks, and the zone of clocks.

Conditions are shown with each asset, evaluated every half minute by the sensor `automation`.
"""

import os

import dagster as dg

# Schedules by the clock follow the team's day; partitions are in UTC like the data.
TIMEZONE = os.environ.get("VIGIL_TIMEZONE", "UTC")

# Not while something upstream is still being made, and once for each tick.
hourly_watch = dg.AutomationCondition.on_cron("25 * * * *", TIMEZONE).with_label("hourly")

# After each promotion or rollback, and every hour.
_promoted: dg.AutomationCondition = dg.AutomationCondition.any_deps_updated()
_quarter_past: dg.AutomationCondition = dg.AutomationCondition.cron_tick_passed(
    "15 * * * *", TIMEZONE
)
when_promoted_or_hourly = (
    _promoted.since_last_handled() | _quarter_past.since_last_handled()
) & ~dg.AutomationCondition.in_progress()


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates the conditions; on by default."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Runs what an asset's or a check's automation condition asks for.",
    )

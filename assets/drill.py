"""The nightly fault drill."""

import dagster as dg
from pydantic import Field

from assets.resources import VigilResource


class DrillConfig(dg.Config):
    """How many days the shadow learns from, and where the faults fall."""

    days: int = Field(7, ge=1, le=28, description="days of windows that the shadow learns from")
    seed: int = Field(0, ge=0, description="another number puts the faults elsewhere")


@dg.asset(group_name="drills", kinds={"postgres"})
def fault_drill(config: DrillConfig, vigil: VigilResource) -> dg.MaterializeResult:
    """Recall, delay and false alarms of each service, from faults in a copy of yesterday.

    A service that would not be noticed becomes a blind-spot incident; shadow data page nobody.
    """
    from vigil.alerts.policy import configured_policy
    from vigil.drill.record import drill

    settings = vigil.settings()
    rules = configured_policy(settings).incidents.rules()
    with vigil.windows() as store:
        results = drill(store.engine, rules, settings.window_s, config.days, config.seed)
    rows = "\n".join(
        f"| {r.service} | {r.found} of {r.faults} | {r.delay_s or '–'} | {r.false_alarms} |"
        for r in results
    )
    table = f"| service | noticed | delay s | false alarms |\n|---|---|---|---|\n{rows}"
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(results),
            "recall": sum(r.found for r in results) / sum(r.faults for r in results),
            "blind_spots": [r.service for r in results if not r.passed],
            "services": dg.MetadataValue.md(table),
        }
    )

"""Objectives looked ahead at each hour; warnings only where the record deserves them."""

from pathlib import Path

import dagster as dg

from assets.partitions import fresh_hourly, hourly, patient
from assets.resources import VigilResource


@dg.asset(
    deps=["observations"],
    partitions_def=hourly,
    retry_policy=patient,
    freshness_policy=fresh_hourly,
    group_name="forecasts",
    kinds={"postgres"},
)
def outlook(context: dg.AssetExecutionContext, vigil: VigilResource) -> dg.MaterializeResult:
    """How probable it is that each objective of VIGIL_OBJECTIVES breaks within four hours.

    Every look is kept with what came of it. A group with a good record warns by an incident, the
    others are shown here only.
    """
    from vigil.foresight.watch import look_ahead, outlook_row
    from vigil.objectives.openslo import read_objectives

    named = vigil.settings().objectives
    if not named:
        reason = "VIGIL_OBJECTIVES names no file"
        return dg.MaterializeResult(metadata={"dagster/row_count": 0, "reason": reason})
    objectives = read_objectives(Path(named).expanduser())
    with vigil.windows() as store:
        found = look_ahead(store.engine, objectives, context.partition_time_window.end)
    rows = [outlook_row(item) for item in found]
    table = ["| objective | probability | warned | reason | record |", "|---|---|---|---|---|"]
    table += [
        f"| {row['objective']} | {row['probability']} | {row['warned']} | {row['reason']}"
        f" | {row['record']} |"
        for row in rows
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "warned": [row["objective"] for row in rows if row["warned"]],
            "outlook": dg.MetadataValue.md("\n".join(table)),
        }
    )

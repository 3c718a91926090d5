"""What the fault drills found: the last one of each service, and the nights before."""

from typing import Any

import sqlalchemy as sa

from vigil.drill.shadow import ServiceDrill

NIGHTS_SHOWN = 60


def drill_results(engine: sa.Engine) -> dict[str, Any]:
    """`services`: the last drill of each, the blindest first; `nights`: all services together.

    A service has `faults` injected and `found`, the kinds `missed`, the median `delay_s` and the
    `false_alarms` of its last drill, and `passed`: False for a blind spot. Raises StoreError.
    """
    services = (
        "SELECT DISTINCT ON (service) service, drilled_at, faults, found, missed, delay_s,"
        " false_alarms FROM drills ORDER BY service, drilled_at DESC"
    )
    nights = (
        "SELECT drilled_at, sum(faults)::bigint AS faults, sum(found)::bigint AS found,"
        " sum(false_alarms)::bigint AS false_alarms FROM drills GROUP BY drilled_at"
        " ORDER BY drilled_at DESC LIMIT :most"
    )
    with engine.connect() as connection:
        last = [_told(dict(row)) for row in connection.execute(sa.text(services)).mappings()]
        past = connection.execute(sa.text(nights), {"most": NIGHTS_SHOWN}).mappings()
        told = [dict(row) for row in past]
    last.sort(key=lambda row: (row["found"] / row["faults"], row["service"]))
    return {"services": last, "nights": told}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    drilled_at = row.pop("drilled_at")
    return {**row, "drilled_at": drilled_at, "passed": ServiceDrill(**row).passed}

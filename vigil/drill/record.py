"""Runs a drill on what the database holds, keeps its result, and tells of blind spots.

Of the shadow only figures come back. A blind spot is an incident of its own stream: opened when a
service's drill fails, resolved by the first that passes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from vigil.drill.shadow import KINDS, ServiceDrill, plan_drill, run_drill
from vigil.errors import VigilError
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.own import OwnIncident
from vigil.incidents.rules import WARNING, IncidentRules
from vigil.stores.own_incidents import set_own_incident
from vigil.stores.timescale import WindowStore
from vigil.wording import counted

STREAM = "vigil.drill"
DAY = timedelta(days=1)


class NothingToDrill(VigilError):
    """There are not enough windows."""


def drill(
    engine: sa.Engine, rules: IncidentRules, window_s: int, days: int, seed: int
) -> list[ServiceDrill]:
    """A drill on the last day of windows, learning from the `days` before it.

    Raises NothingToDrill where there are not two days of windows.
    """
    store = WindowStore(engine)
    span = store.span()
    if span is None or span[1] - span[0] < 2 * DAY:
        raise NothingToDrill("a drill needs two days of request windows at least")
    end_at = span[1] + timedelta(seconds=window_s)
    start_at = max(end_at - (days + 1) * DAY, span[0])
    series = store.series().drop("key_id", "metric")
    observations = (
        store.observations(start_at, end_at)
        .filter(pl.col("metric").is_in(SCORED_METRICS))
        .join(series, on="series_id")
    )
    services = observations["service"].drop_nulls().unique().to_list()
    # Other faults each night, the same when a night is repeated.
    faults = plan_drill(services, end_at - DAY, end_at, seed + end_at.toordinal())
    results = run_drill(observations, faults, rules, window_s)
    with engine.begin() as connection:
        record(connection, results, end_at)
    return results


def record(connection: sa.Connection, results: Sequence[ServiceDrill], at: datetime) -> None:
    """Keep figures, and open or resolve the blind spots, all at once."""
    connection.execute(
        sa.text(
            "INSERT INTO drills (drilled_at, service, faults, found, missed, delay_s,"
            " false_alarms) VALUES (:at, :service, :faults, :found, :missed, :delay_s,"
            " :false_alarms) ON CONFLICT (drilled_at, service) DO UPDATE SET"
            " faults = excluded.faults, found = excluded.found, missed = excluded.missed,"
            " delay_s = excluded.delay_s, false_alarms = excluded.false_alarms"
        ),
        [
            {
                "at": at, "service": item.service, "faults": item.faults, "found": item.found,
                "missed": list(item.missed), "delay_s": item.delay_s,
                "false_alarms": item.false_alarms,
            }
            for item in results
        ],
    )  # fmt: skip
    for item in results:
        set_own_incident(connection, _blind_spot(item), at, wrong=not item.passed)


def _blind_spot(item: ServiceDrill) -> OwnIncident:
    missed = ", ".join(item.missed) or "none"
    return OwnIncident(
        stream=STREAM,
        origin=item.service,
        prefix=f"blind-{item.service}",
        severity=WARNING,
        title=f"blind spot: faults of {item.service} would go unnoticed",
        reason=f"the drill injected {counted(item.faults, 'fault')} and {item.found} were noticed;"
        f" missed: {missed}",
        cause=f"of {', '.join(KINDS)} the drill missed {missed}",
        services=[item.service],
    )

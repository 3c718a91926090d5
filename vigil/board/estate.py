"""The estate map: the health of each service in each environment, from its series.

Pure: frames in, plain structures out.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

INCIDENT, UNUSUAL, LEARNING, FINE, SILENT = "incident", "unusual", "learning", "fine", "silent"
# The first that holds is what people should know of a service.
HEALTH = (INCIDENT, UNUSUAL, LEARNING, FINE, SILENT)

Place = tuple[str | None, str | None]

_PLACE = ("environment", "service")


def estate_map(
    series: pl.DataFrame, recent: pl.DataFrame, incidents: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One entry an environment, its services inside, what needs attention first.

    `series`: schema SERIES. `recent`: what the last windows said of each series: series_id,
    flagged (bool), warming_up (0 to 1); a series without a row is silent. `incidents`: open ones,
    as their documents.
    """
    hit = _places_hit(series, incidents)
    places = (
        series.join(recent, on="series_id", how="left")
        .group_by(*_PLACE, maintain_order=True)
        .agg(
            pl.col("cloud", "region").drop_nulls().first(),
            series=pl.len(),
            heard=pl.col("flagged").count(),
            flagged=pl.col("flagged").sum(),
            learning=(pl.col("warming_up") < 1).sum(),
        )
    )
    environments: dict[str | None, dict[str, Any]] = {}
    for row in places.iter_rows(named=True):
        environment = environments.setdefault(
            row["environment"],
            {
                "environment": row["environment"],
                "clouds": set(),
                "regions": set(),
                "services": [],
            },
        )
        environment["clouds"].add(row["cloud"])
        environment["regions"].add(row["region"])
        environment["services"].append(_service(row, (row["environment"], row["service"]) in hit))
    return sorted(
        (_finished(environment) for environment in environments.values()),
        key=lambda item: (_worst(item["services"]), item["environment"] or "~"),
    )


def _places_hit(series: pl.DataFrame, incidents: Iterable[Mapping[str, Any]]) -> set[Place]:
    """(environment, service) of everything that an open incident names.

    An incident lists its most unusual series only; a service without one among them is taken to be
    hit wherever it runs.
    """
    everywhere: dict[str | None, set[Place]] = {}
    for environment, service in series.select(*_PLACE).unique().iter_rows():
        everywhere.setdefault(service, set()).add((environment, service))
    hit: set[Place] = set()
    for incident in incidents:
        named = {
            (item.get("environment"), item.get("service")) for item in incident.get("series", [])
        }
        hit |= named
        for service in set(incident["services"]) - {place[1] for place in named}:
            hit |= everywhere.get(service, set())
    return hit


def _service(row: Mapping[str, Any], in_incident: bool) -> dict[str, Any]:
    if in_incident:
        health = INCIDENT
    elif row["flagged"]:
        health = UNUSUAL
    elif not row["heard"]:
        health = SILENT
    elif row["learning"]:
        health = LEARNING
    else:
        health = FINE
    return {
        "service": row["service"],
        "health": health,
        "series": row["series"],
        "flagged": row["flagged"],
    }


def _finished(environment: dict[str, Any]) -> dict[str, Any]:
    services = environment["services"]
    services.sort(key=lambda item: (HEALTH.index(item["health"]), item["service"] or "~"))
    counts = {name: sum(item["health"] == name for item in services) for name in HEALTH}
    known = {name: sorted(filter(None, environment[name])) for name in ("clouds", "regions")}
    return environment | known | {"counts": {name: n for name, n in counts.items() if n}}


def _worst(services: Sequence[Mapping[str, Any]]) -> int:
    return min(HEALTH.index(item["health"]) for item in services)

"""Flagged windows to incidents: one for what belongs together in time and topology.

A flagged series joins an open incident when it is in it already, when its service is in it, or
when its service calls or is called by one that is. Otherwise it opens a new one. An incident is
resolved when each of its series has had `clear_windows` windows in a row without a flag, or was
not seen at all for a day.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from vigil.events.schema import KEY_COLUMNS, stable_id
from vigil.incidents.incident import RESOLVED, Evidence, Incident

OPENED = "opened"
UPDATED = "updated"
CLOSED = "resolved"

VANISHED_AFTER = timedelta(days=1)

Change = tuple[str, Incident]

ATTRIBUTIONS: dict[str, Any] = {
    "series_id": pl.Int64,
    "window_start": pl.Datetime("us", "UTC"),
    "incident_id": pl.String,
    "reason": pl.String,
}


class IncidentTracker:
    """Open incidents of one stream; takes decisions in event-time order."""

    def __init__(self, stream: str, clear_windows: int = 5) -> None:
        self.stream = stream
        self.clear_windows = clear_windows
        self.open: list[Incident] = []
        self.calls: set[tuple[str, str]] = set()
        self._joined: list[dict[str, Any]] = []

    def take_joined(self) -> pl.DataFrame:
        """Flagged windows since the last call and the incident of each (schema ATTRIBUTIONS)."""
        joined, self._joined = self._joined, []
        return pl.DataFrame(joined, schema=ATTRIBUTIONS)

    def learn_calls(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (caller, callee) pairs of services."""
        self.calls.update(pairs)

    def update(self, decisions: pl.DataFrame) -> Iterator[Change]:
        """What happened, in order: (OPENED | UPDATED | CLOSED, incident).

        `decisions` is sorted by window_start and has the score columns, `metric`, the key columns
        and `worst_traces` (list of text). Each change is yielded at the moment it happens: render
        it before asking for the next.
        """
        for at, rows in self._relevant(decisions):
            yield from self._at(at, rows)
        if decisions.height:
            newest = decisions["window_start"][-1]
            yield from self._resolve(newest)

    def _relevant(self, decisions: pl.DataFrame) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
        """Rows that can change anything, by window: the flagged, and those of known incidents."""
        flagged_ids = decisions.filter("flagged")["series_id"].unique()
        known = {series_id for incident in self.open for series_id in incident.evidence}
        wanted = pl.col("series_id").is_in([*flagged_ids, *known])
        for (at,), rows in decisions.filter(wanted).group_by("window_start", maintain_order=True):
            assert isinstance(at, datetime)
            yield at, rows.sort("p", "series_id").to_dicts()

    def _at(self, at: datetime, rows: list[dict[str, Any]]) -> Iterator[Change]:
        touched: dict[str, tuple[str, Incident]] = {}
        for row in rows:
            if row["flagged"]:
                action, incident = self._take(at, row)
                if action and incident.incident_id not in touched:
                    touched[incident.incident_id] = (action, incident)
            else:
                self._quieten(row["series_id"])
        for action, incident in touched.values():
            incident.origin = self._origin(incident)
            incident.changes += 1
            yield action, incident
        yield from self._resolve(at)

    def _take(self, at: datetime, row: dict[str, Any]) -> tuple[str, Incident]:
        """Add a flagged window; the action is empty when it tells an operator nothing new."""
        incident, reason = self._home(row)
        action = ""
        if incident is None:
            number = stable_id([self.stream, str(row["series_id"]), at.isoformat()])
            incident = Incident(f"inc-{number & (2**64 - 1):016x}", self.stream, at, at)
            self.open.append(incident)
            action = OPENED
        elif (row["service"] or "") not in incident.services:
            action = UPDATED
        self._joined.append(
            {
                "series_id": row["series_id"],
                "window_start": at,
                "incident_id": incident.incident_id,
                "reason": reason,
            }
        )
        self._record(incident, at, row)
        incident.updated_at = at
        return action, incident

    def _home(self, row: dict[str, Any]) -> tuple[Incident | None, str]:
        """The open incident that a flagged window belongs to, and why."""
        service = row["service"] or ""
        for incident in self.open:
            if row["series_id"] in incident.evidence:
                return incident, "the series was part of it already"
            if service in incident.services:
                return incident, f"another series of {service} was part of it"
        for incident in self.open:
            for other in sorted(incident.services):
                if (service, other) in self.calls:
                    return incident, f"{service} calls {other}, which was part of it"
                if (other, service) in self.calls:
                    return incident, f"{service} is called by {other}, which was part of it"
        return None, "nothing related was unusual: it opened the incident"

    def _record(self, incident: Incident, at: datetime, row: dict[str, Any]) -> None:
        known = incident.evidence.get(row["series_id"])
        if known is not None:
            known.last_flagged, known.quiet_windows = at, 0
            if row["p"] >= known.p:
                return
        incident.evidence[row["series_id"]] = Evidence(
            series_id=row["series_id"],
            metric=row["metric"],
            place={part: row[part] for part in KEY_COLUMNS if row[part] is not None},
            since=known.since if known else at,
            last_flagged=at,
            worst_at=at,
            actual=row["actual"],
            expected=row["expected"],
            lower=row["lower"],
            upper=row["upper"],
            p=row["p"],
            trace_ids=row["worst_traces"] or [],
        )

    def _quieten(self, series_id: int) -> None:
        for incident in self.open:
            if series_id in incident.evidence:
                incident.evidence[series_id].quiet_windows += 1

    def _origin(self, incident: Incident) -> str:
        """The likely origin: an unusual service none of whose callees is unusual.

        Slowness and errors travel from callee to caller, so the deepest one is named.
        """
        services = incident.services
        deepest = [
            service
            for service in services
            if not any((service, other) in self.calls for other in services if other != service)
        ]
        items = [item for item in incident.evidence.values() if item.service in deepest]
        items = items or list(incident.evidence.values())
        return min(items, key=lambda item: (item.p, item.since, item.series_id)).service

    def _resolve(self, at: datetime) -> Iterator[Change]:
        for incident in list(self.open):
            ended_at = self._ended_at(incident, at)
            if ended_at is not None:
                self.open.remove(incident)
                incident.status = RESOLVED
                incident.resolved_at = incident.updated_at = ended_at
                incident.changes += 1
                yield CLOSED, incident

    def _ended_at(self, incident: Incident, at: datetime) -> datetime | None:
        """When the incident ended, None while it has not."""
        items = incident.evidence.values()
        # Measured from the last flag, so that it does not matter when somebody looks.
        vanished_at = max(item.last_flagged for item in items) + VANISHED_AFTER
        if vanished_at <= at:
            return vanished_at
        quiet = all(item.quiet_windows >= self.clear_windows for item in items)
        return at if quiet else None

    def state(self) -> dict[str, Any]:
        """For the checkpoint, JSON-ready."""
        return {
            "open": [incident.to_state() for incident in self.open],
            "calls": sorted(self.calls),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.open = [Incident.from_state(incident) for incident in state["open"]]
        self.calls = {(caller, callee) for caller, callee in state["calls"]}

"""Flagged windows to incidents: one for what belongs together in time and topology.

A flagged series joins an incident when it or its service is in it already, when its service calls
or is called by one that is, or when they share a region and turned unusual within minutes of each
other. Otherwise it opens a new one, of which nobody hears until it has lasted as long as its
severity asks. An incident ends when all of its series have been quiet for a while; what comes back
soon after is the same incident, and has to be quiet for longer the more often it did.

What costs users something does not join an older incident that costs them nothing, and nothing
joins one that has ceased to cost: a drift of traffic that touches half of the estate must neither
swallow the fault that begins in it nor keep it open for the rest of the day.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from vigil.events.schema import KEY_COLUMNS, stable_id
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.impact import impact_of
from vigil.incidents.incident import (
    DISMISSED,
    OPEN,
    PENDING,
    RESOLVED,
    WINDOWS_KEPT,
    WITHDRAWN,
    Evidence,
    Flag,
    Incident,
)
from vigil.incidents.revisions import revise
from vigil.incidents.rules import INFO, IncidentRules, graver, severity_of
from vigil.incidents.topology import Topology

# What is told of an incident.
OPENED, UPDATED, CLOSED, REOPENED = "opened", "updated", "resolved", "reopened"
CORRECTED, TAKEN_BACK = "corrected", "withdrawn"
# What is only kept.
NOTICED, FORGOTTEN = "noticed", "dismissed"
TOLD = frozenset({OPENED, UPDATED, CLOSED, REOPENED, CORRECTED, TAKEN_BACK})

VANISHED_AFTER = timedelta(days=1)
MOST_DOUBLINGS = 3
# The error budget is that of 30 days.
BUDGET_S = 30 * 86_400

Change = tuple[str, Incident]
# Why a flagged window of a series, at a time, is nobody's business; empty where it is.
Exempt = Callable[[Mapping[str, Any], datetime], str]

ATTRIBUTIONS: dict[str, Any] = {
    "series_id": pl.Int64,
    "window_start": pl.Datetime("us", "UTC"),
    "incident_id": pl.String,
    "reason": pl.String,
}


class IncidentTracker:
    """Incidents of one stream; takes decisions in event-time order. `window_s`: their length."""

    def __init__(
        self,
        stream: str,
        rules: IncidentRules | None = None,
        window_s: float = 60.0,
        exempt: Exempt = lambda row, at: "",
    ) -> None:
        self.stream = stream
        self.rules = rules or IncidentRules()
        self.window = timedelta(seconds=window_s)
        self.topology = Topology()
        self.exempt = exempt
        # Pending and open ones; those over may come back for a while.
        self.active: list[Incident] = []
        self.over: list[Incident] = []
        self._joined: list[dict[str, Any]] = []

    @property
    def open(self) -> list[Incident]:
        """Incidents that somebody was told of and that are not over."""
        return [incident for incident in self.active if incident.status == OPEN]

    def learn_calls(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (caller, callee) pairs of services."""
        self.topology.learn(pairs)

    def take_joined(self) -> pl.DataFrame:
        """Flagged windows since the last call and the incident of each (schema ATTRIBUTIONS)."""
        joined, self._joined = self._joined, []
        return pl.DataFrame(joined, schema=ATTRIBUTIONS)

    def update(self, decisions: pl.DataFrame) -> Iterator[Change]:
        """What happened, in order: (action, incident); of the actions in TOLD people hear.

        `decisions` is sorted by window_start and has the score columns, `metric`, the key columns
        and `worst_traces` (list of text). Each change is yielded at the moment it happens: render
        it before asking for the next.
        """
        for at, rows in self._relevant(decisions):
            yield from self._at(at, rows)
        if decisions.height:
            yield from self._end(decisions["window_start"][-1])

    def _relevant(self, decisions: pl.DataFrame) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
        """Rows that can change anything, by window: the flagged, and those of known incidents."""
        flagged_ids = decisions.filter("flagged")["series_id"].unique()
        known = {series_id for incident in self.active for series_id in incident.evidence}
        wanted = pl.col("series_id").is_in([*flagged_ids, *known])
        for (at,), rows in decisions.filter(wanted).group_by("window_start", maintain_order=True):
            assert isinstance(at, datetime)
            yield at, rows.sort("p", "series_id").to_dicts()

    def _at(self, at: datetime, rows: list[dict[str, Any]]) -> Iterator[Change]:
        # Incident → the strongest thing that happened to it in this window.
        touched: dict[str, tuple[str, Incident]] = {}
        for row in rows:
            action, incident = self._one(at, row)
            if incident is not None and action:
                touched.setdefault(incident.incident_id, (action, incident))
        for action, incident in touched.values():
            if incident.status == WITHDRAWN or not incident.evidence:
                yield from self._withdraw(incident, at)
                continue
            self._assess(incident)
            if incident.status != PENDING:
                yield self._tell(action, incident)
        yield from self._confirm(at)
        yield from self._end(at)

    def _one(self, at: datetime, row: dict[str, Any]) -> tuple[str, Incident | None]:
        """Take one decision; the action is empty when it tells an operator nothing new."""
        known = self._holding(row["series_id"])
        if row["revision"] > 0 and known is not None:
            note = revise(known, row, impact_of(row, self.window.total_seconds(), self.rules))
            if note is not None:
                known.note = note
                known.updated_at = max(at, known.updated_at)
                return (CORRECTED if note else ""), known
        excuse = self.exempt(row, at) if row["flagged"] else ""
        if excuse:
            self._attribute(at, row, "", excuse)
        elif row["flagged"]:
            return self._take(at, row)
        if known is not None and row["revision"] == 0:
            known.evidence[row["series_id"]].quiet_windows += 1
        return "", known

    def _holding(self, series_id: int) -> Incident | None:
        return next((item for item in self.active if series_id in item.evidence), None)

    def _take(self, at: datetime, row: dict[str, Any]) -> tuple[str, Incident]:
        """Add a flagged window to the incident where it belongs, an old or a new one."""
        service = row["service"] or ""
        action = ""
        incident, reason = self._home(at, row)
        if incident is None:
            incident, reason = self._returning(row)
        if incident is None:
            number = stable_id([self.stream, str(row["series_id"]), at.isoformat()])
            incident = Incident(f"inc-{number & (2**64 - 1):016x}", self.stream, at, at)
            reason = "nothing related was unusual: it opened the incident"
            self.active.append(incident)
        elif service not in incident.services:
            action = UPDATED
        incident.reasons.setdefault(service, reason)
        self._attribute(at, row, incident.incident_id, reason)
        self._record(incident, at, row)
        severity = severity_of(incident.burn_rate, self.rules)
        if graver(severity, incident.severity):
            incident.severity = severity
            action = action or UPDATED
        incident.updated_at = max(at, incident.updated_at)
        return action, incident

    def _attribute(self, at: datetime, row: dict[str, Any], incident_id: str, reason: str) -> None:
        self._joined.append(
            {
                "series_id": row["series_id"],
                "window_start": at,
                "incident_id": incident_id,
                "reason": reason,
            }
        )

    def _home(self, at: datetime, row: dict[str, Any]) -> tuple[Incident | None, str]:
        """The incident that a flagged window belongs to, and why; what was told of comes first."""
        service = row["service"] or ""
        severity = self._severity(row)
        candidates = sorted(self.active, key=lambda item: item.status != OPEN)
        for incident in candidates:
            if row["series_id"] in incident.evidence:
                return incident, "the series was part of it already"
        candidates = [item for item in candidates if not self._is_other(item, at, severity)]
        for incident in candidates:
            if service in incident.services:
                return incident, f"another series of {service} was part of it"
        for incident in candidates:
            relation = self.topology.relation(service, incident.services)
            if relation:
                return incident, f"{relation}, which was part of it"
        for incident in candidates:
            reason = self._at_once(at, service, row["environment"], row["region"], incident)
            if reason:
                return incident, reason
        return None, ""

    def _severity(self, row: dict[str, Any]) -> str:
        impact = impact_of(row, self.window.total_seconds(), self.rules)
        return severity_of(impact.burn_rate, self.rules)

    def _is_other(self, incident: Incident, at: datetime, severity: str) -> bool:
        """True where what has that severity is hardly due to what the incident is about."""
        if incident.costly_at is not None:
            return (at - incident.costly_at).total_seconds() > self.rules.near_s
        return severity != INFO and (at - incident.opened_at).total_seconds() > self.rules.near_s

    def _at_once(
        self,
        at: datetime,
        service: str,
        environment: str | None,
        region: str | None,
        incident: Incident,
    ) -> str:
        """Why what turned unusual within minutes of an incident belongs to it, empty if not."""
        if abs((at - incident.opened_at).total_seconds()) > self.rules.near_s:
            return ""
        minutes = f"turned unusual within {self.rules.near_s / 60:g} minutes of it"
        path = self.topology.path(service, incident.services)
        if path:
            return f"{path}, and it {minutes}"
        here = all(
            (item.place.get("environment"), item.place.get("region")) == (environment, region)
            for item in incident.evidence.values()
        )
        return f"it is in {region} as the others, and {minutes}" if region and here else ""

    def _returning(self, row: dict[str, Any]) -> tuple[Incident | None, str]:
        """An incident that was over and comes back with this window; none by what costs nothing."""
        harmless = self._severity(row) == INFO
        for incident in self.over:
            if row["service"] in incident.services and not (harmless and incident.costly_at):
                self.over.remove(incident)
                self.active.append(incident)
                # It has to last again before anybody hears of it.
                incident.status = PENDING
                for item in incident.evidence.values():
                    item.windows = 0
                return incident, f"{row['service']} was part of it shortly before"
        return None, ""

    def _record(self, incident: Incident, at: datetime, row: dict[str, Any]) -> None:
        impact = impact_of(row, self.window.total_seconds(), self.rules)
        values = {name: row[name] for name in ("actual", "expected", "lower", "upper", "p")}
        flag = Flag(at, **values, bad_requests=impact.bad_requests, requests=impact.requests)
        item = incident.evidence.get(row["series_id"])
        if item is None:
            item = incident.evidence[row["series_id"]] = Evidence(
                series_id=row["series_id"],
                metric=row["metric"],
                place={part: row[part] for part in KEY_COLUMNS if row[part] is not None},
                since=at,
                last_flagged=at,
                worst=flag,
                trace_ids=row["worst_traces"] or [],
            )
        if item.windows == 0:
            item.since = at
        item.flags = [*item.flags, flag][-WINDOWS_KEPT:]
        item.windows += 1
        item.last_flagged = max(at, item.last_flagged)
        item.quiet_windows = 0
        if severity_of(impact.burn_rate, self.rules) != INFO:
            incident.costly_at = max(at, incident.costly_at or at)
        item.bad_requests += impact.bad_requests
        item.requests += impact.requests
        item.burn_rate = max(item.burn_rate, impact.burn_rate)
        item.budget_burnt += impact.burn_rate * self.window.total_seconds() / BUDGET_S
        if flag.p < item.worst.p:
            item.worst, item.trace_ids = flag, row["worst_traces"] or []

    def _assess(self, incident: Incident) -> None:
        incident.origin = self.topology.origin(incident)

    def _tell(self, action: str, incident: Incident) -> Change:
        if action != CORRECTED:
            incident.note = ""
        incident.changes += 1
        return action, incident

    def _confirm(self, at: datetime) -> Iterator[Change]:
        """Tell of pending incidents that have lasted."""
        for incident in [item for item in self.active if item.status == PENDING]:
            if not self._has_lasted(incident):
                continue
            host = self._host(incident)
            if host is not None:
                yield from self._absorb(incident, host, at)
            else:
                incident.status = OPEN
                self._assess(incident)
                back = incident.resolved_at is not None
                incident.resolved_at = None
                incident.reopenings += back
                yield self._tell(REOPENED if back else OPENED, incident)

    def _host(self, incident: Incident) -> Incident | None:
        """An open incident that this one turned out to be a part of."""
        for host in self.open:
            if self._is_other(host, incident.opened_at, incident.severity):
                continue
            for item in incident.evidence.values():
                if self.topology.relation(item.service, host.services):
                    return host
                place = item.place.get("environment"), item.place.get("region")
                if self._at_once(item.since, item.service, *place, host):
                    return host
        return None

    def _absorb(self, incident: Incident, host: Incident, at: datetime) -> Iterator[Change]:
        """One cause, one page: what was about to be told of joins what was told of already."""
        host.evidence |= incident.evidence
        for service, reason in incident.reasons.items():
            host.reasons.setdefault(service, reason)
        if graver(incident.severity, host.severity):
            host.severity = incident.severity
        host.updated_at = max(at, host.updated_at)
        self.active.remove(incident)
        incident.status, incident.resolved_at = DISMISSED, at
        incident.note = f"it turned out to be a part of {host.incident_id}"
        yield FORGOTTEN, incident
        self._assess(host)
        yield self._tell(UPDATED, host)

    def _has_lasted(self, incident: Incident) -> bool:
        """True when a series has been unusual for as long as severity asks, or costs too much."""
        rules = self.rules
        for item in incident.evidence.values():
            lasted = (item.last_flagged - item.since + self.window).total_seconds()
            share = item.windows * self.window.total_seconds() / lasted
            needed = rules.confirm_s[incident.severity]
            if item.metric not in SCORED_METRICS:
                needed = rules.confirm_metric_s
            elif item.budget_burnt >= rules.confirm_budget:
                needed = rules.at_once_s
            if lasted >= needed and share >= rules.least_flagged_share:
                return True
        return False

    def _end(self, at: datetime) -> Iterator[Change]:
        """Close what is over; forget what can no longer come back."""
        back = timedelta(seconds=self.rules.reopen_s)
        self.over = [item for item in self.over if at - item.updated_at <= back]
        for incident in list(self.active):
            ended_at = self._ended_at(incident, at)
            if ended_at is None:
                continue
            self.active.remove(incident)
            told = incident.status == OPEN
            if incident.resolved_at is not None:
                # It stirred again, and was over before it came back.
                incident.status = RESOLVED
                self.over.append(incident)
                continue
            incident.resolved_at = incident.updated_at = ended_at
            if not told:
                self._assess(incident)
                incident.status = DISMISSED
                yield FORGOTTEN, incident
                continue
            incident.status = RESOLVED
            self.over.append(incident)
            yield self._tell(CLOSED, incident)

    def _ended_at(self, incident: Incident, at: datetime) -> datetime | None:
        """When the incident ended, None while it has not.

        Where some of its series cost users something, the others do not keep it open.
        """
        whole = incident.evidence.values()
        costly = [item for item in whole if severity_of(item.burn_rate, self.rules) != INFO]
        items = costly or whole
        # Measured from the last flag, so that it does not matter when somebody looks.
        last = max(item.last_flagged for item in items)
        if last + VANISHED_AFTER <= at:
            return last + VANISHED_AFTER
        doubled = 2 ** min(incident.reopenings, MOST_DOUBLINGS)
        if incident.status == PENDING:
            doubled = 1
        quiet = all(item.quiet_windows >= self.rules.clear_windows for item in items)
        calm = at - last >= timedelta(seconds=self.rules.clear_s * doubled)
        return at if quiet and calm else None

    def _withdraw(self, incident: Incident, at: datetime) -> Iterator[Change]:
        """Late data left no reason for the incident."""
        self.active.remove(incident)
        pending = incident.status == PENDING
        incident.status = DISMISSED if pending else WITHDRAWN
        incident.resolved_at = incident.updated_at = max(at, incident.updated_at)
        if pending:
            yield FORGOTTEN, incident
        else:
            incident.changes += 1
            yield TAKEN_BACK, incident

    def copy(self) -> "IncidentTracker":
        """A tracker with the same incidents, which from now on are its own; it shares what becomes
        known of calls.
        """
        window_s = self.window.total_seconds()
        twin = IncidentTracker(self.stream, self.rules, window_s, self.exempt)
        twin.restore(self.state())
        twin.topology = self.topology
        return twin

    def state(self) -> dict[str, Any]:
        """For the checkpoint, JSON-ready."""
        return {
            "active": [incident.to_state() for incident in self.active],
            "over": [incident.to_state() for incident in self.over],
            "calls": sorted(self.topology.calls),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state()`."""
        self.active = [Incident.from_state(item) for item in state["active"]]
        self.over = [Incident.from_state(item) for item in state["over"]]
        self.topology = Topology((caller, callee) for caller, callee in state["calls"])

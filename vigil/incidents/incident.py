"""An incident: what went wrong, since when, in which series, and what it turned into."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from vigil.incidents.rules import INFO

# Unusual, but not yet for long enough to tell anybody.
PENDING = "pending"
OPEN = "open"
RESOLVED = "resolved"
# It ended before anybody was told.
DISMISSED = "dismissed"
# Late data took its reason away.
WITHDRAWN = "withdrawn"

# Flagged windows remembered a series: more than late events can still revise.
WINDOWS_KEPT = 32


@dataclass(slots=True)
class Flag:
    """One flagged window."""

    at: datetime
    actual: float | None
    expected: float | None
    lower: float | None
    upper: float | None
    p: float
    bad_requests: float = 0.0
    requests: float = 0.0


@dataclass(slots=True)
class Evidence:
    """What one series contributed: its most unusual window, and whether it is still unusual.

    `flags` holds the youngest flagged windows, `windows` counts all of them. `quiet_windows` counts
    the windows without a flag since the last flagged one.
    """

    series_id: int
    metric: str
    place: dict[str, str]
    since: datetime
    last_flagged: datetime
    worst: Flag
    flags: list[Flag] = field(default_factory=list)
    windows: int = 0
    quiet_windows: int = 0
    bad_requests: float = 0.0
    requests: float = 0.0
    burn_rate: float = 0.0
    budget_burnt: float = 0.0
    trace_ids: list[str] = field(default_factory=list)

    @property
    def service(self) -> str:
        """Name of the service that the series belongs to."""
        return self.place.get("service", "")

    @property
    def name(self) -> str:
        """The metric and its place, as people say it."""
        return series_name(self.metric, self.place)

    @property
    def p(self) -> float:
        """p of the most unusual window."""
        return self.worst.p


def series_name(metric: str, place: Mapping[str, str | None]) -> str:
    """A series as people say it, from its metric and its key columns, absent or None if unknown."""
    where = "/".join(part for name in ("environment", "region") if (part := place.get(name)))
    route = " ".join(part for name in ("method", "route") if (part := place.get(name)))
    parts = [metric, "of", place.get("service") or "unknown service"]
    parts += [route] if route else []
    parts += ["in", where] if where else []
    return " ".join(parts)


@dataclass(slots=True)
class Incident:
    """A group of related series that turned unusual together. Times are event time, UTC.

    `reasons` says for each service why it is in the group. `changes` counts what was told.
    `costly_at` is the last window that cost users more than the even pace of the error budget.
    """

    incident_id: str
    stream: str
    opened_at: datetime
    updated_at: datetime
    status: str = PENDING
    resolved_at: datetime | None = None
    costly_at: datetime | None = None
    evidence: dict[int, Evidence] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    origin: str = ""
    severity: str = INFO
    changes: int = 0
    reopenings: int = 0
    note: str = ""

    @property
    def services(self) -> set[str]:
        """Services with at least one unusual series."""
        return {item.service for item in self.evidence.values()}

    @property
    def worst(self) -> Evidence:
        """The most unusual series, preferring the likely origin."""
        items = self.evidence.values()
        at_origin = [item for item in items if item.service == self.origin]
        return min(at_origin or items, key=lambda item: (item.p, item.since, item.series_id))

    @property
    def bad_requests(self) -> float:
        """Requests that failed, were slow or never came.

        The most of any series, not the sum: one request passes through many services.
        """
        return max((item.bad_requests for item in self.evidence.values()), default=0.0)

    @property
    def burn_rate(self) -> float:
        """The fastest burn of the error budget in any window."""
        return max((item.burn_rate for item in self.evidence.values()), default=0.0)

    @property
    def budget_burnt(self) -> float:
        """Share of the month's error budget that is gone, 1 is all of it."""
        return max((item.budget_burnt for item in self.evidence.values()), default=0.0)

    def to_state(self) -> dict[str, Any]:
        """For the checkpoint; `from_state` is the inverse."""
        state = asdict(self)
        state["evidence"] = list(state["evidence"].values())
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Incident":
        """Rebuild from `to_state`, after a trip through JSON."""
        items = [_evidence(item) for item in state["evidence"]]
        rest = _with_times(state, "opened_at", "updated_at", "resolved_at", "costly_at")
        return cls(**rest | {"evidence": {item.series_id: item for item in items}})


def _evidence(state: dict[str, Any]) -> Evidence:
    flags = [Flag(**_with_times(flag, "at")) for flag in (*state["flags"], state["worst"])]
    rest = _with_times(state, "since", "last_flagged")
    return Evidence(**rest | {"flags": flags[:-1], "worst": flags[-1]})


def _with_times(state: dict[str, Any], *names: str) -> dict[str, Any]:
    parsed = {
        name: datetime.fromisoformat(state[name])
        for name in names
        if isinstance(state.get(name), str)
    }
    return state | parsed

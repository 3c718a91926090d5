"""An incident: what went wrong, since when, in which series, and what it turned into."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

OPEN = "open"
RESOLVED = "resolved"


@dataclass(slots=True)
class Evidence:
    """What one series contributed: its most unusual window, and whether it is still unusual.

    `quiet_windows` counts the windows without a flag since the last flagged one.
    """

    series_id: int
    metric: str
    place: dict[str, str]
    since: datetime
    last_flagged: datetime
    worst_at: datetime
    actual: float
    expected: float | None
    lower: float | None
    upper: float | None
    p: float
    trace_ids: list[str] = field(default_factory=list)
    quiet_windows: int = 0

    @property
    def service(self) -> str:
        """Name of the service that the series belongs to."""
        return self.place.get("service", "")

    @property
    def name(self) -> str:
        """The metric and its place, as people say it."""
        return series_name(self.metric, self.place)


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
    """A group of related series that turned unusual together. Times are event time, UTC."""

    incident_id: str
    stream: str
    opened_at: datetime
    updated_at: datetime
    status: str = OPEN
    resolved_at: datetime | None = None
    evidence: dict[int, Evidence] = field(default_factory=dict)
    origin: str = ""
    changes: int = 0

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

    def to_state(self) -> dict[str, Any]:
        """For the checkpoint; `from_state` is the inverse."""
        state = asdict(self)
        state["evidence"] = list(state["evidence"].values())
        return state

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Incident":
        """Rebuild from `to_state`, after a trip through JSON."""
        items = [
            Evidence(**_with_times(item, "since", "last_flagged", "worst_at"))
            for item in state["evidence"]
        ]
        rest = _with_times(state, "opened_at", "updated_at", "resolved_at")
        return cls(**rest | {"evidence": {item.series_id: item for item in items}})


def _with_times(state: dict[str, Any], *names: str) -> dict[str, Any]:
    parsed = {
        name: datetime.fromisoformat(state[name]) for name in names if isinstance(state[name], str)
    }
    return state | parsed

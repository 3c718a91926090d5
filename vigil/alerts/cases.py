"""What the dispatcher remembers of an incident, and what it decides; ready for JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

MAINTENANCE, SILENCE, INHIBITION, HOURS = "maintenance", "silence", "inhibition", "hours"


@dataclass(frozen=True, slots=True)
class Hold:
    """Why nobody is told for the time being. `by` is one of the names above."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Silencing:
    """An operator's or the policy's silence, in force within [starts_at, ends_at)."""

    silence_id: str
    match: Mapping[str, Sequence[str]]
    starts_at: datetime
    ends_at: datetime
    author: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """To be sent to one channel. Its id is the same however often it is decided."""

    notification_id: str
    channel: str
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the log of decisions: what was done about an incident, and why."""

    incident_id: str
    at: datetime
    kind: str
    words: str


@dataclass(slots=True)
class Case:
    """An incident from its first alert on.

    `told` are the channels that were paged and so get what follows; `held` is None once somebody
    was told. `not_sent` lists incidents that are mute because of this one.
    """

    incident_id: str
    document: dict[str, Any]
    open: bool = True
    # When it was taken up, or came back: what was acknowledged before is to be seen again.
    since_at: datetime | None = None
    told: list[str] = field(default_factory=list)
    held: Hold | None = None
    not_sent: dict[str, str] = field(default_factory=dict)
    acknowledged_by: str = ""
    escalation: str = ""
    step: int = 0
    escalate_at: datetime | None = None

    def to_state(self) -> dict[str, Any]:
        """For the database; `from_state` is the inverse."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Case":
        """After a trip through JSON."""
        held = state["held"] and Hold(**state["held"])
        times = {
            name: state[name] and datetime.fromisoformat(state[name])
            for name in ("since_at", "escalate_at")
        }
        return cls(**{**state, **times, "held": held})

"""Injected faults against alerts: what was found, how soon, and what was raised for nothing."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

# An alert this long after a fault's end may still be about its aftermath.
AFTERMATH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class FaultOutcome:
    """One injected fault; `alerted_at` and `incident_id` are None when nobody was told."""

    fault_id: str
    kind: str
    service: str | None
    start_at: datetime
    end_at: datetime
    alerted_at: datetime | None
    incident_id: str | None

    @property
    def delay_s(self) -> float | None:
        """Seconds from the fault's start to the alert."""
        return (self.alerted_at - self.start_at).total_seconds() if self.alerted_at else None


@dataclass(frozen=True, slots=True)
class FaultReport:
    """All faults of a run, and the incidents that match none."""

    outcomes: Sequence[FaultOutcome]
    false_incident_ids: Sequence[str]

    @property
    def found(self) -> int:
        """Number of faults that raised or updated an alert."""
        return sum(outcome.alerted_at is not None for outcome in self.outcomes)

    @property
    def median_delay_s(self) -> float | None:
        """Over the faults found; None when there are none."""
        delays = [outcome.delay_s for outcome in self.outcomes if outcome.delay_s is not None]
        return median(delays) if delays else None


def judge_faults(
    faults: Iterable[Mapping[str, Any]], alerts: Sequence[Mapping[str, Any]], window_s: int
) -> FaultReport:
    """Match alert documents (any order) with the faults of a labels file.

    A fault is found by the first opened or updated alert of its time that names a service it
    affects. The alert's time is the end of the window that raised it. An incident opened while no
    fault with one of its services was active is a false alarm.
    """
    raised = [alert for alert in alerts if alert["action"] in ("opened", "updated")]
    raised.sort(key=lambda alert: (alert["at"], alert["alert_id"]))
    length = timedelta(seconds=window_s)
    outcomes: list[FaultOutcome] = []
    explained: set[str] = set()
    for fault in faults:
        start_at = datetime.fromisoformat(fault["start_at"])
        end_at = datetime.fromisoformat(fault["end_at"])
        hits = [
            alert
            for alert in raised
            if start_at < _at(alert) + length and _at(alert) <= end_at + AFTERMATH
            and not set(fault["services_affected"]).isdisjoint(alert["services"])
        ]  # fmt: skip
        explained.update(alert["incident_id"] for alert in hits)
        first = hits[0] if hits else None
        outcomes.append(
            FaultOutcome(
                fault["fault_id"],
                fault["kind"],
                fault.get("service"),
                start_at,
                end_at,
                _at(first) + length if first else None,
                first["incident_id"] if first else None,
            )
        )
    incidents = dict.fromkeys(alert["incident_id"] for alert in raised)
    false = [number for number in incidents if number not in explained]
    return FaultReport(outcomes, false)


def _at(alert: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(alert["at"])

"""Pages against the truth: how many a fault, how many for nothing, is the cause named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from vigil.bench.alerts.estate import Estate, Event

# A page this long after a fault's end may still be about its aftermath.
AFTERMATH_S = 600


@dataclass(frozen=True, slots=True)
class JudgedPage:
    """A page as all policies can give it; `cause` is the service that the page names first."""

    at_s: float
    services: frozenset[str]
    cause: str


def judge(
    policy: str,
    estate: Estate,
    faults: Sequence[Event],
    noise: Sequence[Event],
    pages: Sequence[JudgedPage],
) -> dict[str, Any]:
    """A row of the table; `missed` and `for_nothing` say of which kinds."""
    of_fault: dict[int, list[JudgedPage]] = {number: [] for number in range(len(faults))}
    for_nothing = []
    for page in pages:
        hits = [
            number
            for number, fault in enumerate(faults)
            if fault.start_s <= page.at_s <= fault.end_s + AFTERMATH_S
            and not fault.affected.isdisjoint(page.services)
        ]
        if hits:
            of_fault[hits[-1]].append(page)
        else:
            for_nothing.append(page)
    paged = {number: found for number, found in of_fault.items() if found}
    right = sum(
        any(_names_cause(estate, faults[number], page) for page in found[:1])
        for number, found in paged.items()
    )
    weeks = estate.weeks
    delays = [found[0].at_s - faults[number].start_s for number, found in paged.items()]
    return {
        "policy": policy,
        "pages": len(pages),
        "faults_paged": round(len(paged) / max(len(faults), 1), 3),
        "pages_per_fault": round(sum(map(len, paged.values())) / max(len(paged), 1), 2),
        "for_nothing_a_week": round(len(for_nothing) / weeks, 2),
        "cause_right": round(right / max(len(paged), 1), 3),
        "delay_min": round(median(delays) / 60, 1) if delays else None,
        "missed": kinds(faults[number] for number in of_fault if number not in paged),
        "for_nothing": kinds(_behind(page, noise, estate) for page in for_nothing),
    }


def _names_cause(estate: Estate, fault: Event, page: JudgedPage) -> bool:
    """The target; of a slow region any service in it."""
    number = estate.services.index(page.cause)
    if fault.kind == "region_slow":
        return bool(estate.environment[number] == fault.service)
    return number == fault.service


def _behind(page: JudgedPage, noise: Sequence[Event], estate: Estate) -> Event | None:
    names = estate.services
    for event in noise:
        near = event.start_s <= page.at_s <= event.end_s + AFTERMATH_S
        if near and names[event.service] in page.services:
            return event
    return None


def kinds(events: Iterable[Event | None]) -> dict[str, int]:
    """How many of each kind; None is what no noise explains."""
    found: dict[str, int] = {}
    for event in events:
        kind = "no noise at all" if event is None else event.kind
        found[kind] = found.get(kind, 0) + 1
    return found

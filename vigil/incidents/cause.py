"""Why the likely origin is the likely origin, in sentences a person on call can check."""

from vigil.incidents.incident import Evidence, Incident
from vigil.incidents.topology import Topology
from vigil.wording import counted

_SHOWN = 3


def cause_words(incident: Incident, topology: Topology) -> list[str]:
    """The evidence for `incident.origin`, the strongest first."""
    origin = incident.origin
    others = sorted(incident.services - {origin})
    callers = [name for name in others if (name, origin) in topology.calls]
    callees = [name for name in others if (origin, name) in topology.calls]
    words = [_worst(incident.worst)]
    if origin not in incident.services:
        return words
    if callers:
        words.append(f"{_list(callers)}, unusual too, {_verb(callers, 'call')} it")
    if others and not callees:
        words.append("nothing that it calls is unusual")
    first = min(incident.evidence.values(), key=lambda item: (item.since, item.series_id))
    mine = min(item.since for item in incident.evidence.values() if item.service == origin)
    if others and first.service == origin:
        later = min(item.since for item in incident.evidence.values() if item.service != origin)
        seconds = (later - mine).total_seconds()
        if seconds > 0:
            words.append(f"it was unusual {seconds:.0f} s before the first of the others")
    routes = {item.place.get("route") for item in incident.evidence.values()} - {None}
    if len(routes) == 1:
        words.append(f"only requests to {routes.pop()} suffer")
    places = {item.place.get("region") for item in incident.evidence.values()} - {None}
    if len(places) == 1 and others:
        words.append(f"all of it happens in {places.pop()}")
    return words


def _worst(item: Evidence) -> str:
    expected = item.worst.expected
    change = "is unusual"
    if item.worst.actual is None:
        change = "is not measured any more"
    elif expected:
        change = f"is {item.worst.actual / expected:.1f}× the expected"
    lasted = counted(item.windows, "window")
    return f"{item.name} {change}, in {lasted} since {item.since:%H:%M:%S} UTC"


def _list(names: list[str]) -> str:
    shown = names[:_SHOWN] + ([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]


def _verb(names: list[str], verb: str) -> str:
    return verb if len(names) > 1 else f"{verb}s"

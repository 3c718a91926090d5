"""Who calls whom, as learnt from requests; how services are related; where trouble began."""

from collections.abc import Iterable

from vigil.incidents.incident import Evidence, Incident


class Topology:
    """A graph of services. `calls` holds (caller, callee) pairs."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.calls: set[tuple[str, str]] = set(pairs)
        self._paths: dict[str, set[str]] = {}

    def learn(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Note (caller, callee) pairs."""
        before = len(self.calls)
        self.calls.update(pairs)
        if len(self.calls) > before:
            self._paths.clear()

    def relation(self, service: str, others: Iterable[str]) -> str:
        """How the service touches the first of the others that it does, empty if none."""
        for other in sorted(others):
            if (service, other) in self.calls:
                return f"{service} calls {other}"
            if (other, service) in self.calls:
                return f"{service} is called by {other}"
        return ""

    def path(self, service: str, others: Iterable[str]) -> str:
        """A path of calls between the service and the first of the others, empty if none."""
        if service not in self._paths:
            self._paths[service] = self.callees([service])
        for other in sorted(others):
            if other not in self._paths:
                self._paths[other] = self.callees([other])
            if other in self._paths[service]:
                return f"requests of {service} reach {other}"
            if service in self._paths[other]:
                return f"requests of {other} reach {service}"
        return ""

    def callees(self, services: Iterable[str]) -> set[str]:
        """All services that requests reach from these."""
        return self._reach(services, dict_of(self.calls))

    def callers(self, services: Iterable[str]) -> set[str]:
        """All services whose requests reach these."""
        return self._reach(services, dict_of((callee, caller) for caller, callee in self.calls))

    def _reach(self, services: Iterable[str], steps: dict[str, set[str]]) -> set[str]:
        start = set(services)
        found: set[str] = set()
        waiting = list(start)
        while waiting:
            for service in steps.get(waiting.pop(), ()):
                if service not in found:
                    found.add(service)
                    waiting.append(service)
        return found - start

    def origin(self, incident: Incident) -> str:
        """The likely origin of an incident.

        Slowness and errors travel from callee to caller: an unusual service none of whose callees
        is unusual comes first. Lost traffic travels from caller to callee: when rates alone have
        fallen, the one that nobody unusual calls.
        """
        services = incident.services
        items = list(incident.evidence.values())
        if all(item.metric == "request_rate" and _fell(item) for item in items):
            ends = {s for s in services if not self._touches(s, services, caller_of=True)}
        else:
            items = [i for i in items if not (i.metric == "request_rate" and _fell(i))] or items
            services = {item.service for item in items}
            ends = {s for s in services if not self._touches(s, services, caller_of=False)}
        chosen = [item for item in items if item.service in ends] or items
        # The one that was unusual most of the time, then the most unusual.
        best = min(chosen, key=lambda i: (-i.windows, i.p, i.since, i.series_id))
        return best.service

    def _touches(self, service: str, among: set[str], caller_of: bool) -> bool:
        """True where another of them calls the service, or is called by it."""
        others = among - {service}
        if caller_of:
            return any((other, service) in self.calls for other in others)
        return any((service, other) in self.calls for other in others)


def _fell(item: Evidence) -> bool:
    worst = item.worst
    if worst.expected is None:
        return False
    # A series that vanished has no value at all.
    return worst.actual is None or worst.actual < worst.expected


def dict_of(pairs: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """First of the pair → all seconds."""
    found: dict[str, set[str]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
    return found

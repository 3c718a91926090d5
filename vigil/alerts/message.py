"""What an alert says: a document with every fact, and its text for people.

The document goes to the sink and the webhook as it is (instants as ISO 8601); its `alert_id` is
stable, so a repeated delivery can be recognised.
"""

from datetime import datetime
from typing import Any

from vigil.incidents.cause import cause_words
from vigil.incidents.incident import Evidence, Incident
from vigil.incidents.topology import Topology

SERIES_SHOWN = 10
TRACES_SHOWN = 5
# No series has a longer past than this many windows of ten seconds: four months.
LARGEST_ODDS = 1_000_000
# More frequent than this is nothing to count, as on the board.
USUAL = 0.05

_UNITS = {"request_rate": "requests/s", "error_ratio": "", "latency_ms_p95": "ms"}


def alert_document(action: str, incident: Incident, topology: Topology) -> dict[str, Any]:
    """The alert of one change of an incident, ready for JSON."""
    return _identity(action, incident) | (_facts(incident, topology) if incident.evidence else {})


def _identity(action: str, incident: Incident) -> dict[str, Any]:
    return {
        "alert_id": f"{incident.incident_id}:{incident.changes}",
        "incident_id": incident.incident_id,
        "action": action,
        "status": incident.status,
        "severity": incident.severity,
        "at": incident.updated_at.isoformat(),
        "opened_at": incident.opened_at.isoformat(),
        "updated_at": incident.updated_at.isoformat(),
        "resolved_at": incident.resolved_at and incident.resolved_at.isoformat(),
        "stream": incident.stream,
        "origin": incident.origin,
        "reopenings": incident.reopenings,
        "note": incident.note,
        # Where late data left nothing to speak of, the note says it all.
        "title": f"unusual requests of {incident.origin or 'a service'}",
        "services": sorted(incident.reasons),
        "series_count": 0,
    }


def _facts(incident: Incident, topology: Topology) -> dict[str, Any]:
    worst = incident.worst
    items = incident.evidence.values()
    ranked = sorted(items, key=lambda item: (item.p, item.series_id))
    traces = [trace for item in [worst, *ranked] for trace in item.trace_ids]
    return {
        "title": title(incident),
        "services": sorted(incident.services),
        "reason": reason(worst),
        "cause": cause_words(incident, topology),
        "grouping": dict(incident.reasons),
        "callers": sorted(topology.callers([incident.origin])),
        "callees": sorted(topology.callees([incident.origin])),
        "tenants": sorted({t for item in items if (t := item.place.get("tenant"))}),
        "environments": sorted({e for item in items if (e := item.place.get("environment"))}),
        "requests_affected": round(incident.bad_requests, 1),
        "burn_rate": round(incident.burn_rate, 2),
        "budget_burnt": round(incident.budget_burnt, 5),
        "series": [_series(item) for item in ranked[:SERIES_SHOWN]],
        "series_count": len(ranked),
        "trace_ids": list(dict.fromkeys(traces))[:TRACES_SHOWN],
    }


def _series(item: Evidence) -> dict[str, Any]:
    worst = item.worst
    return {
        "series_id": item.series_id,
        "metric": item.metric,
        **item.place,
        "since": item.since.isoformat(),
        "worst_at": worst.at.isoformat(),
        "actual": worst.actual,
        "expected": worst.expected,
        "lower": worst.lower,
        "upper": worst.upper,
        "p": worst.p,
    }


def title(incident: Incident) -> str:
    """One line: what is wrong and where."""
    worst = incident.worst
    others = len(incident.services) - 1
    more = f" (and {others} other service{'s' if others > 1 else ''})" if others else ""
    return f"{worst.name} {_change(worst)}{more}"


def reason(item: Evidence) -> str:
    """Why this was flagged: expected, actual, how unusual, since when."""
    worst = item.worst
    band = ""
    if worst.lower is not None and worst.upper is not None:
        band = f" (usual {_value(item.metric, worst.lower)} to {_value(item.metric, worst.upper)})"
    expected = "unknown" if worst.expected is None else _value(item.metric, worst.expected)
    return (
        f"{_value(item.metric, worst.actual)} instead of {expected}{band}, "
        f"since {_when(item.since)}; {odds(item.p)}"
    )


def alert_text(document: dict[str, Any]) -> str:
    """The alert for a terminal or a chat: a headline and indented facts."""
    lines = [f"[{document['action'].upper()}] {document['title']}"]
    if document["action"] == "resolved":
        opened_at = datetime.fromisoformat(document["opened_at"])
        lasted = datetime.fromisoformat(document["resolved_at"]) - opened_at
        lines.append(f"  lasted     {lasted}, since {_when(opened_at)}")
    else:
        lines.append(f"  reason     {document['reason']}")
        lines.append(
            f"  origin     {document['origin']}, seen in {', '.join(document['services'])}"
        )
        if document["trace_ids"]:
            lines.append(f"  traces     {' '.join(document['trace_ids'])}")
    lines.append(f"  incident   {document['incident_id']}, {document['series_count']} series")
    return "\n".join(lines)


def _change(evidence: Evidence) -> str:
    item = evidence.worst
    if item.actual is None:
        return "is not measured any more"
    if item.expected is None:
        return "is unusual"
    if item.actual == 0 and item.expected > 0:
        return "fell to zero"
    if item.expected > 0 and item.actual / item.expected >= 1.5:
        return f"is {item.actual / item.expected:.1f}× the expected"
    direction = "above" if item.actual > item.expected else "below"
    return f"is {direction} the expected"


def _value(metric: str, value: float | None) -> str:
    if value is None:
        return "nothing"
    if metric == "error_ratio":
        return f"{value:.1%}"
    return f"{value:.4g} {_UNITS.get(metric, '')}".strip()


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def odds(p: float) -> str:
    """How unusual a p-value is, in words that a calibration on past windows can stand for."""
    if p < 1 / LARGEST_ODDS:
        return f"rarer than once in {LARGEST_ODDS:,} windows"
    if p > USUAL:
        return "as usual"
    return f"this unusual once in {1 / p:,.0f} windows"

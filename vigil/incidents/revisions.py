"""Late data: what a revised window changes about an incident that it is evidence of."""

from typing import Any

from vigil.incidents.impact import Impact
from vigil.incidents.incident import Evidence, Flag, Incident

# A change of the worst value below this share is not worth a word.
_WORTH_A_NOTE = 0.1


def revise(incident: Incident, row: dict[str, Any], impact: Impact) -> str | None:
    """Bring a window's earlier evidence up to date; returns what to tell, empty for nothing.

    None where the window was no evidence: it is then taken as any other. A window that is no longer
    flagged stops being evidence; a series without any leaves the incident, which is over when it
    was the last one.
    """
    item = incident.evidence[row["series_id"]]
    before = next((flag for flag in item.flags if flag.at == row["window_start"]), None)
    if before is None:
        return None
    item.bad_requests += impact.bad_requests - before.bad_requests
    item.requests += impact.requests - before.requests
    values = {name: row[name] for name in ("actual", "expected", "lower", "upper", "p")}
    now = Flag(before.at, **values, bad_requests=impact.bad_requests, requests=impact.requests)
    if row["flagged"]:
        item.flags[item.flags.index(before)] = now
    else:
        item.flags.remove(before)
        item.windows -= 1
        item.bad_requests -= impact.bad_requests
        item.requests -= impact.requests
    if item.windows == 0:
        del incident.evidence[item.series_id]
        return _note(item, before, now, "It was the only reason.")
    was_worst = before.at == item.worst.at
    if not row["flagged"]:
        item.since = min(flag.at for flag in item.flags) if before.at == item.since else item.since
        if was_worst and item.flags:
            item.worst = min(item.flags, key=lambda flag: flag.p)
        return _note(item, before, now, "It does not count any more.")
    if not was_worst:
        return ""
    item.worst = now
    if now.actual is None or before.actual is None:
        return "" if now.actual == before.actual else _note(item, before, now, "It stays unusual.")
    if abs(now.actual - before.actual) <= _WORTH_A_NOTE * abs(before.actual):
        return ""
    return _note(item, before, now, "It stays unusual.")


def _note(item: Evidence, before: Flag, now: Flag, so: str) -> str:
    was, actual = ("nothing" if a is None else f"{a:.4g}" for a in (before.actual, now.actual))
    return (
        f"late events changed {item.name} at {before.at:%H:%M:%S} UTC from {was} to {actual}. {so}"
    )

"""The content of a message, once for all channels: what, where, since, why, what to do.

A channel only decides how it looks.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

RESOLVING = frozenset({"resolved", "withdrawn"})
_BARS = "▁▂▃▄▅▆▇█"
_SPARKLINE_POINTS = 40
# A second cause is named from this part of the first one's score.
NEARLY = 0.5

_HEADS = {
    "opened": "",
    "reopened": "Back: ",
    "updated": "Update: ",
    "escalated": "Not acknowledged: ",
    "corrected": "Corrected: ",
    "resolved": "Resolved: ",
    "withdrawn": "Withdrawn: ",
    "digest": "",
}


@dataclass(frozen=True, slots=True)
class Card:
    """`facts`: (name, value), in order. `links`: (name, address). `commands` can be pasted.

    `lost`: where a journey's time went. `in_common`: what bad requests share.
    """

    headline: str
    severity: str
    resolving: bool
    facts: Sequence[tuple[str, str]]
    cause: Sequence[str]
    lost: Sequence[str]
    in_common: Sequence[str]
    similar: Sequence[str]
    not_sent: Sequence[str]
    sparkline: str
    links: Sequence[tuple[str, str]]
    commands: Sequence[str]
    incident_id: str

    @property
    def lists(self) -> list[tuple[str, Sequence[str]]]:
        """Title and items of each list that has any."""
        named = [
            ("Why", self.cause),
            ("Where the time goes", self.lost),
            ("What bad requests share", self.in_common),
            ("Seen before", self.similar),
            ("Deliberately not sent", self.not_sent),
        ]
        return [(title, items) for title, items in named if items]


def make_card(document: Mapping[str, Any]) -> Card:
    """From an alert document, as the dispatcher has completed it."""
    action = document["action"]
    resolving = action in RESOLVING
    severity = document.get("severity", "info")
    mark = "" if resolving else f"[{severity.upper()}] "
    incident_id = document["incident_id"]
    return Card(
        headline=f"{mark}{_HEADS[action]}{document['title']}",
        severity=severity,
        resolving=resolving,
        facts=_digest(document) if action == "digest" else _facts(document, resolving),
        cause=() if resolving else _why(document),
        lost=() if resolving else _lost(document),
        in_common=() if resolving else document.get("in_common", ()),
        similar=() if resolving else document.get("similar", ()),
        not_sent=document.get("not_sent", ()),
        sparkline=sparkline(document.get("recent", {}).get("actual", ())),
        links=[(item["name"], item["url"]) for item in document.get("links", ())],
        commands=() if resolving or action == "digest" else _commands(document),
        incident_id=incident_id,
    )


def _facts(document: Mapping[str, Any], resolving: bool) -> list[tuple[str, str]]:
    opened_at = datetime.fromisoformat(document["opened_at"])
    facts = []
    if document.get("note"):
        facts.append(("Note", _sentence(document["note"])))
    if resolving and document.get("resolved_at"):
        lasted = datetime.fromisoformat(document["resolved_at"]) - opened_at
        facts.append(("Lasted", f"{_duration(lasted.total_seconds())}, since {_when(opened_at)}"))
    elif document.get("reason"):
        facts.append(("What", _sentence(document["reason"])))
    where = ", ".join(document.get("environments", ()))
    services = ", ".join(document.get("services", ()))
    facts.append(("Where", services + (f" in {where}" if where else "")))
    if not resolving:
        facts.append(("Since", _when(opened_at)))
    if document.get("requests_affected"):
        facts.append(("Affected", _affected(document)))
    if not resolving and document.get("origin"):
        facts.append(("Probable cause", cause_name(document)))
    if document.get("owner"):
        facts.append(("Owner", document["owner"]))
    return facts


def cause_name(document: Mapping[str, Any]) -> str:
    """The likeliest cause, and the next where it is nearly as likely; else the origin.

    An environment that is slow as a whole comes before its services.
    """
    if place := document.get("slow_environment"):
        return f"all of {place['name']}"
    causes = document.get("causes") or [{"service": document["origin"], "score": 1.0}]
    likely = [cause for cause in causes if cause["score"] >= NEARLY * causes[0]["score"]]
    return ", or ".join(_place(cause) for cause in likely[:2])


def _place(cause: Mapping[str, Any]) -> str:
    where = cause.get("environment")
    return cause["service"] + (f" in {where}" if where else "")


def _why(document: Mapping[str, Any]) -> list[str]:
    """Evidence for the likeliest cause, then for the origin."""
    causes = document.get("causes") or [{"evidence": []}]
    place = document.get("slow_environment")
    whole = [place["evidence"]] if place else []
    return list(dict.fromkeys([*whole, *causes[0]["evidence"], *document.get("cause", ())]))


def _lost(document: Mapping[str, Any]) -> list[str]:
    excess = document.get("excess")
    if not excess:
        return []
    before, now = excess["expected_ms"], excess["actual_ms"]
    return [
        excess["words"],
        f"in {excess['journey']}, on average {now:.0f} ms instead of {before:.0f}",
    ]


def _digest(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (item["severity"].upper(), f"{item['title']} ({item['incident_id']})")
        for item in document["items"]
    ]


def _affected(document: Mapping[str, Any]) -> str:
    words = f"about {document['requests_affected']:,.0f} requests"
    if document.get("tenants"):
        words += f" of {', '.join(document['tenants'])}"
    burnt = document.get("budget_burnt", 0.0)
    if burnt >= 0.0005:
        words += f"; {burnt:.1%} of the month's error budget"
    return words


def _commands(document: Mapping[str, Any]) -> list[str]:
    number = document["incident_id"]
    return [
        f"vigil ack {number}",
        f"vigil silence --match {shlex.quote(_subject(document))} --for 1h",
        f"vigil label {number} false",
        f"vigil incidents {number}",
    ]


def _subject(document: Mapping[str, Any]) -> str:
    """What a silence would be about: the service where it began, if it is one."""
    origin = document.get("origin")
    if not origin:
        return f"incident={document['incident_id']}"
    # What is wrong with the watching itself may be of no service.
    return f"{'service' if origin in document.get('services', ()) else 'origin'}={origin}"


def sparkline(values: Sequence[float | None]) -> str:
    """Values as a row of bars, lowest to highest; a gap where nothing was measured.

    >>> sparkline([1, 1, 2, None, 5])
    '▁▁▃ █'
    """
    shown = list(values)[-_SPARKLINE_POINTS:]
    known = [value for value in shown if value is not None]
    if not known:
        return ""
    low, span = min(known), max(known) - min(known)
    top = len(_BARS) - 1
    return "".join(
        " " if value is None else _BARS[round((value - low) / span * top) if span else 0]
        for value in shown
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _duration(seconds: float) -> str:
    """The two largest units.

    >>> _duration(3725)
    '1 h 2 min'
    """
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    left = round(seconds)
    for name, size in units:
        count, left = divmod(left, size)
        if count or (name == "s" and not parts):
            parts.append(f"{count} {name}")
    return " ".join(parts[:2])


def plain_text(card: Card) -> str:
    """For terminals, e-mail and whatever takes text only."""
    lines = [card.headline]
    width = max((len(name) for name, _ in card.facts), default=0)
    lines += [f"  {name:<{width}}  {value}" for name, value in card.facts]
    for title, items in card.lists:
        lines += [f"  {title}:", *(f"    - {item}" for item in items)]
    if card.sparkline:
        lines.append(f"  {card.sparkline}")
    lines += [f"  {name}: {url}" for name, url in card.links]
    lines += [f"  $ {command}" for command in card.commands]
    return "\n".join(lines)

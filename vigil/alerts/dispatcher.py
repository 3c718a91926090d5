"""Decides who is told of what: alerts in, messages and a log of decisions out.

Pure: it knows no clock, socket or table, so that a replay decides as the live one does. An
incident's page is held back by maintenance, a silence, the inhibition by another incident, or
outside of business hours; it is decided again at each `tick` and sent when nothing holds it any
longer. Whoever was told of the beginning is told of the end, whatever holds by then.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from vigil.alerts.cases import (
    HOURS,
    INHIBITION,
    MAINTENANCE,
    SILENCE,
    Case,
    Entry,
    Hold,
    Message,
    Silencing,
)
from vigil.alerts.limits import Limiter
from vigil.alerts.policy.match import matcher_words, matches
from vigil.alerts.policy.schema import Inhibition, Policy
from vigil.alerts.routing import Target, route

OPENING = frozenset({"opened", "reopened"})
ENDING = frozenset({"resolved", "withdrawn"})


@dataclass(slots=True)
class Decided:
    """What came of one call, in order."""

    messages: list[Message] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)


class Dispatcher:
    """Cases of all incidents that are open or have just ended; see the module."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.cases: dict[str, Case] = {}
        self.silences: Sequence[Silencing] = ()
        self.limiter = Limiter(policy)
        self._now = Decided()
        self._hours = {name: item.hours() for name, item in policy.hours.items()}

    def take(self, alert: dict[str, Any], now_at: datetime) -> Decided:
        """An alert document of the tracker, each once and in order."""
        self._now = Decided()
        owner = self.policy.owner_of(alert["origin"])
        document = {**alert, "owner": owner}
        number = alert["incident_id"]
        case = self.cases.get(number)
        if case is None:
            case = self.cases[number] = Case(number, document, open=False)
        case.document = {**case.document, **document}
        self._now.touched.add(number)
        action = alert["action"]
        if action in ENDING:
            self._finish(case, now_at)
        elif action in OPENING:
            case.open, case.acknowledged_by, case.since_at = True, "", now_at
            self._page(case, action, now_at)
        else:
            self._tell(case, action, alert["alert_id"])
            # It may have grown graver, or reached services of others: they hear of it now.
            self._page(case, "opened", now_at)
        return self._now

    def tick(self, now_at: datetime) -> Decided:
        """What time alone brings: the end of what held pages back, escalations, digests."""
        self._now = Decided()
        for case in list(self.cases.values()):
            if not case.open:
                continue
            if case.held is not None:
                self._page(case, "opened", now_at)
            elif case.escalate_at is not None and case.escalate_at <= now_at:
                self._escalate(case, now_at)
        for message in self.limiter.due(now_at):
            self._now.messages.append(message)
        return self._now

    def acknowledge(self, incident_id: str, author: str, at: datetime, now_at: datetime) -> Decided:
        """Somebody has taken care since `at`: no further escalation."""
        self._now = Decided()
        case = self.cases.get(incident_id)
        fresh = case is not None and (case.since_at is None or at >= case.since_at)
        if case is not None and fresh and case.open and case.acknowledged_by != author:
            case.acknowledged_by, case.escalate_at = author, None
            self._note(case, now_at, "acknowledged", f"{author} acknowledged it")
        return self._now

    def waits(self) -> bool:
        """True while the passing of time alone may change something."""
        held = any(
            case.open and (case.held is not None or case.escalate_at is not None)
            for case in self.cases.values()
        )
        return held or self.limiter.waiting

    def forget(self) -> list[str]:
        """Drop cases that have ended; returns their ids."""
        ended = [number for number, case in self.cases.items() if not case.open]
        for number in ended:
            del self.cases[number]
        return ended

    def _page(self, case: Case, action: str, now_at: datetime) -> None:
        targets = route(self.policy, case.document)
        if case.told and not any(self._untold(case, target) for target in targets):
            return
        hold = self._hold(case, targets, now_at)
        if hold is not None:
            if case.held != hold:
                case.held = hold
                self._note(case, now_at, "held", f"nobody was told: {hold.reason}")
            return
        if case.held is not None:
            self._note(case, now_at, "released", "nothing holds it back any longer")
        case.held = None
        for target in targets:
            if not case.told or self._untold(case, target):
                self._page_target(case, target, action, now_at)

    def _untold(self, case: Case, target: Target) -> list[str]:
        """Whom the target names and nobody has told yet."""
        receivers = [*target.receivers]
        if target.escalation:
            receivers += self.policy.escalations[target.escalation].steps[0].receivers
        return [name for name in dict.fromkeys(receivers) if name not in case.told]

    def _page_target(self, case: Case, target: Target, action: str, now_at: datetime) -> None:
        receivers = self._untold(case, target)
        if target.escalation and case.escalation != target.escalation:
            step = self.policy.escalations[target.escalation].steps[0]
            case.escalation, case.step = target.escalation, 0
            case.escalate_at = now_at + timedelta(seconds=step.acknowledge_s)
        suffix = str(case.document["alert_id"])
        for channel in receivers:
            self._send(case, channel, action, suffix, now_at)
        self._note(
            case, now_at, "paged",
            f"told {', '.join(receivers) or 'nobody'} by the route for {target.reason}",
        )  # fmt: skip

    def _send(self, case: Case, channel: str, action: str, suffix: str, now_at: datetime) -> None:
        """A page, which a limit may turn into a line of a digest."""
        if channel not in case.told:
            case.told.append(channel)
        message = self._message(case, channel, action, suffix)
        late = self.limiter.take(message, case.document, now_at)
        if late is None:
            self._now.messages.append(message)
        else:
            self._note(case, now_at, "digest", f"{channel}: {late}")

    def _tell(self, case: Case, action: str, suffix: str) -> None:
        """News to those who know of the incident."""
        for channel in case.told:
            if not self.limiter.waits(channel, case.incident_id):
                self._now.messages.append(self._message(case, channel, action, suffix))

    def _finish(self, case: Case, now_at: datetime) -> None:
        action = case.document["action"]
        if case.told:
            for channel in case.told:
                if not self.limiter.drop(channel, case.incident_id):
                    message = self._message(case, channel, action, case.document["alert_id"])
                    self._now.messages.append(message)
            self._note(case, now_at, action, f"told {', '.join(case.told)} that it is over")
        else:
            why = f": {case.held.reason}" if case.held else ""
            self._note(case, now_at, action, f"it ended before anybody was told{why}")
        case.open, case.held, case.escalate_at, case.escalation = False, None, None, ""
        case.told = []
        for other in self.cases.values():
            if case.incident_id in other.not_sent:
                del other.not_sent[case.incident_id]
                self._now.touched.add(other.incident_id)

    def _escalate(self, case: Case, now_at: datetime) -> None:
        escalation = self.policy.escalations[case.escalation]
        case.step += 1
        if case.step >= len(escalation.steps) * (escalation.repeat + 1):
            case.escalate_at = None
            self._note(case, now_at, "escalated", "nobody acknowledged it; no step is left")
            return
        step = escalation.steps[case.step % len(escalation.steps)]
        case.escalate_at = now_at + timedelta(seconds=step.acknowledge_s)
        suffix = f"{case.incident_id}:escalated:{case.step}"
        for channel in step.receivers:
            if channel not in case.told:
                case.told.append(channel)
            self._now.messages.append(self._message(case, channel, "escalated", suffix))
        self._note(
            case, now_at, "escalated",
            f"nobody acknowledged it in time: told {', '.join(step.receivers)}",
        )  # fmt: skip

    def _message(self, case: Case, channel: str, action: str, suffix: str) -> Message:
        not_sent = [f"{title} ({number})" for number, title in case.not_sent.items()]
        document = {**case.document, "action": action, "not_sent": not_sent}
        return Message(f"{suffix}/{channel}", channel, document)

    def _hold(self, case: Case, targets: Iterable[Target], now_at: datetime) -> Hold | None:
        """The first thing that keeps the page back."""
        return (
            self._in_maintenance(case, now_at)
            or self._silenced(case, now_at)
            or self._inhibited(case)
            or self._after_hours(targets, now_at)
        )

    def _in_maintenance(self, case: Case, now_at: datetime) -> Hold | None:
        for rule in self.policy.maintenance:
            if not matches(rule.match, case.document) or rule.windows is None:
                continue
            window = rule.windows.at(now_at)
            if window is not None:
                return Hold(
                    MAINTENANCE,
                    f"maintenance {window.name!r} ({rule.name}) until {_when(window.end_at)}",
                )
        return None

    def _silenced(self, case: Case, now_at: datetime) -> Hold | None:
        for silence in self.silences:
            in_force = silence.starts_at <= now_at < silence.ends_at
            if in_force and matches(silence.match, case.document):
                comment = f" ({silence.comment})" if silence.comment else ""
                return Hold(
                    SILENCE,
                    f"silence {silence.silence_id} by {silence.author} for"
                    f" {matcher_words(silence.match)}{comment} until {_when(silence.ends_at)}",
                )
        for declared in self.policy.silences:
            if now_at < declared.until and matches(declared.match, case.document):
                return Hold(
                    SILENCE,
                    f"the policy's silence for {matcher_words(declared.match)} until"
                    f" {_when(declared.until)}",
                )
        return None

    def _inhibited(self, case: Case) -> Hold | None:
        if case.told:
            return None
        for rule in self.policy.inhibit:
            if not matches(rule.target, case.document):
                continue
            for other in self.cases.values():
                # Two that would mute each other: the older one speaks.
                elder = other.document["opened_at"] <= case.document["opened_at"]
                if other is case or not other.open or not elder or _held_by_other(other):
                    continue
                if matches(rule.source, other.document) and _related(rule, other, case):
                    self._list(other, case)
                    return Hold(
                        INHIBITION,
                        f"rule {rule.name!r}: incident {other.incident_id}"
                        f" ({other.document['title']}) is open",
                    )
        return None

    def _list(self, source: Case, target: Case) -> None:
        """Let the message of the one name the other."""
        if target.incident_id in source.not_sent:
            return
        source.not_sent[target.incident_id] = target.document["title"]
        self._now.touched.add(source.incident_id)
        self._tell(source, "updated", f"{source.incident_id}:mutes:{target.incident_id}")

    def _after_hours(self, targets: Iterable[Target], now_at: datetime) -> Hold | None:
        """Only where every route waits for its hours."""
        names = [target.hours for target in targets]
        if any(name is None or self._hours[name].contains(now_at) for name in names):
            return None
        shown = ", ".join(dict.fromkeys(name for name in names if name))
        return Hold(HOURS, f"outside of the hours {shown!r}") if names else None

    def _note(self, case: Case, at: datetime, kind: str, words: str) -> None:
        self._now.touched.add(case.incident_id)
        self._now.log.append(Entry(case.incident_id, at, kind, words))


def _held_by_other(case: Case) -> bool:
    return case.held is not None and case.held.by == INHIBITION


def _related(rule: Inhibition, source: Case, target: Case) -> bool:
    """True where the target's services stand to the source's origin as the rule asks."""
    if rule.relation == "any":
        return True
    services = set(target.document.get("services", ()))
    found: set[str] = set()
    if rule.relation in ("callees", "related"):
        found.update(source.document.get("callees", ()))
    if rule.relation in ("callers", "related"):
        found.update(source.document.get("callers", ()))
    return not services.isdisjoint(found)


def _when(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}"

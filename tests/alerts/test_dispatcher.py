"""Who is told of what: holds, inhibition, escalation, limits; and never a lost resolve."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.alerts.cases import Case, Silencing
from vigil.alerts.dispatcher import Dispatcher
from vigil.alerts.policy import parse_policy

START = datetime(2026, 3, 2, 12, tzinfo=UTC)  # a Monday
BASE = """
channels: {chat: {kind: terminal}, pager: {kind: terminal}, boss: {kind: terminal}}
route: {receivers: [chat]}
"""


def at(minute: float) -> datetime:
    """Minutes after the start."""
    return START + timedelta(minutes=minute)


def alert(action: str, incident: str = "a", number: int = 1, **fields) -> dict:
    """An alert document with what the dispatcher looks at."""
    service = fields.pop("service", "payments")
    return {
        "alert_id": f"{incident}:{number}", "incident_id": incident, "action": action,
        "origin": service, "services": [service], "severity": "error", "environments": ["aws"],
        "title": f"{service} is slow", "opened_at": at(0).isoformat(), "at": at(0).isoformat(),
        "callers": [], "callees": [], **fields,
    }  # fmt: skip


def sent(decided) -> list[tuple[str, str]]:
    """(action, channel) of each message."""
    return [(message.document["action"], message.channel) for message in decided.messages]


def dispatcher(extra: str = "", base: str = BASE) -> Dispatcher:
    """With the base policy and more."""
    return Dispatcher(parse_policy(base + extra))


def silence(until: float, **match: str) -> Silencing:
    """An operator's silence from the start."""
    wanted = {name: [value] for name, value in match.items()}
    return Silencing("sil-1", wanted, at(0), at(until), "ann", "load test")


def test_whoever_is_paged_gets_the_news_and_the_end():
    """Once each."""
    made = dispatcher()
    assert sent(made.take(alert("opened"), at(0))) == [("opened", "chat")]
    assert sent(made.take(alert("updated", number=2), at(1))) == [("updated", "chat")]
    assert sent(made.tick(at(2))) == []
    assert sent(made.take(alert("resolved", number=3), at(3))) == [("resolved", "chat")]


def test_a_silence_holds_the_page_and_releases_it_when_it_ends():
    """An incident that outlives the silence is told of."""
    made = dispatcher()
    made.silences = [silence(10, service="pay*")]
    held = made.take(alert("opened"), at(0))
    assert sent(held) == []
    assert held.log[0].words == (
        "nobody was told: silence sil-1 by ann for service pay* (load test) until 2026-03-02 12:10"
        " UTC"
    )
    assert sent(made.tick(at(9))) == []
    assert sent(made.tick(at(10))) == [("opened", "chat")]


def test_the_end_is_told_although_a_silence_began_meanwhile():
    """Never a lost resolve."""
    made = dispatcher()
    made.take(alert("opened"), at(0))
    made.silences = [silence(60, service="payments")]
    assert sent(made.take(alert("resolved", number=2), at(5))) == [("resolved", "chat")]


def test_what_ends_under_a_silence_is_not_told_at_all():
    """Neither beginning nor end, but the log knows why."""
    made = dispatcher()
    made.silences = [silence(60, service="payments")]
    made.take(alert("opened"), at(0))
    ended = made.take(alert("resolved", number=2), at(5))
    assert sent(ended) == []
    assert "it ended before anybody was told: silence sil-1" in ended.log[0].words


GATEWAY = "inhibit: [{name: behind the gateway, source: {origin: gateway}, relation: callees}]"


def test_a_gateways_incident_mutes_what_lies_behind_it_and_lists_it():
    """One page; the message of the gateway names the other; when it ends, the other speaks."""
    made = dispatcher(GATEWAY)
    made.take(alert("opened", "g", service="gateway", callees=["orders", "payments"]), at(0))
    muted = made.take(alert("opened", "p"), at(1))
    assert sent(muted) == [("updated", "chat")]
    [message] = muted.messages
    assert message.document["incident_id"] == "g"
    assert message.document["not_sent"] == ["payments is slow (p)"]
    assert "rule 'behind the gateway': incident g (gateway is slow) is open" in muted.log[0].words
    assert sent(made.take(alert("opened", "m", service="mail"), at(1))) == [("opened", "chat")]
    made.take(alert("resolved", "g", 2, service="gateway"), at(5))
    assert sent(made.tick(at(6))) == [("opened", "chat")]


ESCALATION = """
escalations:
  on-call:
    steps: [{receivers: [pager], acknowledge_s: 300}, {receivers: [boss], acknowledge_s: 300}]
    repeat: 1
"""
ON_CALL = BASE.replace("receivers: [chat]", "receivers: [chat], escalation: on-call") + ESCALATION


def test_nobody_who_acknowledges_is_followed_by_the_next_step():
    """Steps in order, as often as the policy says; all of them get the end."""
    made = dispatcher(base=ON_CALL)
    assert sent(made.take(alert("opened"), at(0))) == [("opened", "chat"), ("opened", "pager")]
    steps = [sent(made.tick(at(minute))) for minute in (4, 5, 9, 10, 15, 20, 25)]
    assert steps == [
        [], [("escalated", "boss")], [], [("escalated", "pager")], [("escalated", "boss")], [], [],
    ]  # fmt: skip
    ended = sent(made.take(alert("resolved", number=2), at(30)))
    assert ended == [("resolved", channel) for channel in ("chat", "pager", "boss")]


def test_an_acknowledgement_stops_the_escalation_until_the_incident_comes_back():
    """What was acknowledged before does not count for the next time."""
    made = dispatcher(base=ON_CALL)
    made.take(alert("opened"), at(0))
    assert made.acknowledge("a", "ann", at(1), at(1)).log[0].words == "ann acknowledged it"
    assert sent(made.tick(at(6))) == []
    made.take(alert("resolved", number=2), at(7))
    made.take(alert("reopened", number=3), at(8))
    assert made.acknowledge("a", "ann", at(1), at(9)).log == []
    assert sent(made.tick(at(13))) == [("escalated", "boss")]


def test_outside_of_business_hours_a_page_waits_for_the_morning():
    """Where every route of it waits."""
    made = dispatcher(
        "hours: {office: {start: '13:00', until: '17:00'}}",
        BASE.replace("receivers: [chat]", "receivers: [chat], hours: office"),
    )
    assert sent(made.take(alert("opened"), at(0))) == []
    assert sent(made.tick(at(59))) == []
    assert sent(made.tick(at(60))) == [("opened", "chat")]


LIMITED = "limits: [{receiver: chat, pages: 2, per_s: 3600, digest_s: 600}]"


def test_above_the_limit_pages_come_in_one_digest():
    """Critical ones are exempt; what has ended by then is left out."""
    made = dispatcher(LIMITED)
    for number, name in enumerate("abcde"):
        decided = made.take(alert("opened", name), at(number / 10))
        assert len(decided.messages) == (number < 2)
    urgent = made.take(alert("opened", "z", severity="critical"), at(1))
    assert sent(urgent) == [("opened", "chat")]
    assert sent(made.take(alert("resolved", "d", 2), at(2))) == []
    assert sent(made.tick(at(9))) == []
    [digest] = made.tick(at(11)).messages
    assert [item["incident_id"] for item in digest.document["items"]] == ["c", "e"]
    assert sent(made.take(alert("resolved", "c", 2), at(12))) == [("resolved", "chat")]


actions = st.lists(
    st.tuples(
        st.sampled_from(["flap", "tick", "silence", "unsilence", "restart"]),
        st.sampled_from(["a", "b", "g"]),
        st.floats(0.1, 20),
    ),
    max_size=40,
)


class Estate:
    """Incidents that come and go under a dispatcher, and what each channel hears of them."""

    def __init__(self):
        self.policy = parse_policy(ON_CALL + GATEWAY + "\n" + LIMITED)
        self.dispatcher = Dispatcher(self.policy)
        self.minute, self.count = 0.0, 0
        self.open: dict[str, bool] = {}
        self.told: dict[tuple[str, str], list[str]] = {}

    def note(self, decided) -> None:
        for message in decided.messages:
            for item in message.document.get("items", [message.document]):
                key = (message.channel, item["incident_id"])
                self.told.setdefault(key, []).append(message.document["action"])

    def flap(self, name: str) -> None:
        self.count += 1
        first = "reopened" if name in self.open else "opened"
        action = "resolved" if self.open.get(name) else first
        self.open[name] = not self.open.get(name)
        fields = {"service": "payments"}
        if name == "g":
            fields = {"service": "gateway", "callees": ["payments"]}
        document = alert(action, name, self.count, **fields)
        self.note(self.dispatcher.take(document, at(self.minute)))

    def tick(self, name: str = "") -> None:
        self.note(self.dispatcher.tick(at(self.minute)))

    def silence(self, name: str) -> None:
        self.dispatcher.silences = [silence(self.minute + 15, service="payments")]

    def unsilence(self, name: str = "") -> None:
        self.dispatcher.silences = []

    def restart(self, name: str) -> None:
        """State through JSON, as after a crash."""
        before = self.dispatcher
        cases = orjson.loads(orjson.dumps([case.to_state() for case in before.cases.values()]))
        limits = orjson.loads(orjson.dumps(before.limiter.state()))
        self.dispatcher = Dispatcher(self.policy)
        self.dispatcher.cases = {c["incident_id"]: Case.from_state(c) for c in cases}
        self.dispatcher.limiter.restore(limits)
        self.dispatcher.silences = before.silences


@given(actions)
def test_every_page_is_followed_by_its_end_whatever_happens_between(story):
    """Silenced, inhibited, limited or restarted: pages and ends of a channel alternate."""
    estate = Estate()
    for what, name, pause in story:
        estate.minute += pause
        getattr(estate, what)(name)
        estate.tick()
    estate.unsilence()
    for name in [name for name, is_open in estate.open.items() if is_open]:
        estate.minute += 1
        estate.flap(name)
    estate.minute += 1000
    estate.tick()
    for news in estate.told.values():
        check_turns(news)


def check_turns(news: list[str]) -> None:
    """Pages and ends alternate; an escalation may begin, or remind of, a page."""
    paged = False
    for action in news:
        if action in ("opened", "reopened", "digest"):
            assert not paged, "two pages for one cause"
        elif action == "resolved":
            assert paged, "an end of what nobody was told of"
        paged = action != "resolved" and (paged or action != "updated")
    assert not paged, "a lost resolve"


def test_late_data_reach_those_who_were_told():
    """A correction is news, a withdrawal is an end."""
    made = dispatcher()
    made.take(alert("opened"), at(0))
    assert sent(made.take(alert("corrected", number=2), at(1))) == [("corrected", "chat")]
    assert sent(made.take(alert("withdrawn", number=3), at(2))) == [("withdrawn", "chat")]


@pytest.mark.parametrize("policy", [BASE, ON_CALL])
def test_every_incident_has_one_owner(policy):
    """The team of its origin."""
    made = dispatcher("owners: [{team: money, services: [payments]}]", policy)
    [message, *_] = made.take(alert("opened"), at(0)).messages
    assert message.document["owner"] == "money"


GRAVER = """
channels: {log: {kind: terminal}, chat: {kind: terminal}}
route: {receivers: [log], routes: [{match: {severity: error}, receivers: [chat]}]}
"""


def test_who_is_concerned_only_now_that_it_is_graver_is_paged_now():
    """Those who know hear the news, the others its beginning; at the end both hear of it."""
    made = dispatcher(base=GRAVER)
    assert sent(made.take(alert("opened", severity="info"), at(0))) == [("opened", "log")]
    graver = made.take(alert("updated", number=2), at(5))
    assert sent(graver) == [("updated", "log"), ("opened", "chat")]
    news = [("updated", "log"), ("updated", "chat")]
    assert sent(made.take(alert("updated", number=3), at(6))) == news
    ends = [("resolved", "log"), ("resolved", "chat")]
    assert sent(made.take(alert("resolved", number=4), at(7))) == ends


def test_a_silence_holds_the_graver_page_back_and_nobody_is_paged_twice():
    """What ends before it is told to those only who knew."""
    made = dispatcher(base=GRAVER)
    made.take(alert("opened", severity="info"), at(0))
    made.silences = [silence(10, service="payments")]
    assert sent(made.take(alert("updated", number=2), at(5))) == [("updated", "log")]
    assert sent(made.tick(at(10))) == [("opened", "chat")]
    assert sent(made.tick(at(11))) == []

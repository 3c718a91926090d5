"""Delivery: at least once, in order, through refusals, restarts and dead channels."""

import random
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from sample_alerts import START, alert_document

from vigil.alerts.channels import ChannelError, Note
from vigil.alerts.delivery import Outbox
from vigil.alerts.operator import Operator
from vigil.alerts.policy import parse_policy
from vigil.detect.feedback import Verdict
from vigil.errors import UsageError
from vigil.stores.alerting import AlertStore
from vigil.stores.labels import LabelStore

POLICY = parse_policy(
    """
channels: {chat: {kind: terminal}, pager: {kind: terminal}, spare: {kind: terminal}}
route: {receivers: [chat, pager]}
delivery: {attempts: 3, fallback: [spare]}
"""
)


class Flaky:
    """A channel that refuses as told and keeps what it took."""

    def __init__(self, refuse=lambda: None):
        self.refuse = refuse
        self.asked: list[str] = []
        self.taken: list[tuple[str, str]] = []

    def send(self, note: Note) -> None:
        self.asked.append(note.notification_id)
        error = self.refuse()
        if error is not None:
            raise error
        self.taken.append((note.document["incident_id"], note.document["action"]))


class Keeping:
    """A channel that keeps whole documents."""

    def __init__(self):
        self.documents: list[dict] = []

    def send(self, note: Note) -> None:
        self.documents.append(dict(note.document))


class World:
    """An outbox with a clock of its own."""

    def __init__(self, engine, channels, policy=POLICY):
        self.engine, self.channels, self.policy = engine, channels, policy
        self.now = START
        self.buried: list[str] = []
        self.start()

    def start(self) -> None:
        """A new process."""
        self.outbox = Outbox(
            self.engine, self.policy, self.channels,
            bury=lambda waiting, error: self.buried.append(f"{waiting.channel}: {error}"),
            clock=lambda: self.now, seed=1,
        )  # fmt: skip

    def run(self, seconds: float, step: float = 1.0) -> None:
        """Let time pass."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            self.outbox.deliver()
            self.now += timedelta(seconds=step)


def down() -> ChannelError:
    """What a server that restarts says."""
    return ChannelError("it answered 503")


def test_messages_arrive_once_and_in_order_where_nothing_fails(engine, commit):
    """Each channel hears the beginning before the end."""
    chat, pager = Flaky(), Flaky()
    world = World(engine, {"chat": chat, "pager": pager})
    commit(alert_document(), alert_document("resolved", number=2))
    world.run(3)
    assert chat.taken == pager.taken == [("inc-1", "opened"), ("inc-1", "resolved")]


def test_another_policy_decides_from_the_next_round_on_and_open_incidents_go_on(engine, commit):
    """Whoever was told of the beginning is told of the end, where the channel is still there."""
    chat, pager, desk = Flaky(), Flaky(), Flaky()
    world = World(engine, {"chat": chat, "pager": pager})
    commit(alert_document())
    world.run(2)
    changed = parse_policy(
        "channels: {chat: {kind: terminal}, desk: {kind: terminal}}\nroute: {receivers: [desk]}"
    )
    world.outbox.use(changed, {"chat": chat, "desk": desk})
    commit(alert_document("resolved", number=2), alert_document(incident="inc-2"))
    world.run(3)
    assert chat.taken == [("inc-1", "opened"), ("inc-1", "resolved")]
    assert desk.taken == [("inc-2", "opened")]
    assert pager.taken == [("inc-1", "opened")]
    assert world.buried == ["pager: the policy has no such channel any more"]


def test_a_refusing_channel_gets_the_same_message_under_the_same_id_and_holds_up_nobody(
    engine, commit
):
    """The pause doubles; the end waits for the beginning; the other channel goes on."""
    answers = [down(), down(), None, None]
    chat, pager = Flaky(lambda: answers.pop(0)), Flaky()
    world = World(engine, {"chat": chat, "pager": pager})
    commit(alert_document(), alert_document("resolved", number=2))
    world.outbox.deliver()
    assert len(pager.taken) == 1
    world.run(20)
    assert chat.asked == ["inc-1:1/chat"] * 3 + ["inc-1:2/chat"]
    assert chat.taken == [("inc-1", "opened"), ("inc-1", "resolved")]


def test_a_given_up_channel_is_replaced_by_the_fallback_and_then_by_a_dead_letter(engine, commit):
    """After the last attempt, or at once when the refusal is for good."""
    chat = Flaky(down)
    pager = Flaky(lambda: ChannelError("it answered 401", passing=False))
    spare = Flaky()
    world = World(engine, {"chat": chat, "pager": pager, "spare": spare})
    commit(alert_document())
    world.run(60)
    assert (len(chat.asked), len(pager.asked), len(spare.taken)) == (3, 1, 2)
    assert world.buried == []
    spare.refuse = lambda: ChannelError("it answered 410", passing=False)
    commit(alert_document("resolved", number=2))
    world.run(60)
    assert world.buried == ["spare: it answered 410"] * 2


def test_a_dead_channels_pages_go_to_the_fallback_at_once(engine, commit):
    """After four refusals in a row nobody waits for the last attempt."""
    patient = parse_policy(
        "channels: {chat: {kind: terminal}, spare: {kind: terminal}}\n"
        "route: {receivers: [chat]}\ndelivery: {attempts: 50, fallback: [spare]}"
    )
    chat, spare = Flaky(down), Flaky()
    world = World(engine, {"chat": chat, "spare": spare}, patient)
    commit(alert_document())
    world.run(60)
    commit(alert_document(incident="inc-2"))
    before = world.now
    while ("inc-2", "opened") not in spare.taken:
        world.run(1)
    assert world.now - before <= timedelta(seconds=3)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_whatever_fails_and_whenever_the_process_dies(engine, commit, seed):
    """A channel that fails at random, a process that is killed before or after it has sent."""
    rng = random.Random(seed)
    chat = Flaky(lambda: down() if rng.random() < 0.5 else None)
    policy = parse_policy(
        "channels: {chat: {kind: terminal}}\nroute: {receivers: [chat]}\n"
        "delivery: {attempts: 1000, last_retry_s: 5}"
    )
    world = World(engine, {"chat": chat}, policy)
    for number in range(8):
        commit(alert_document(incident=f"inc-{number}"))
        world.run(rng.uniform(0, 3))
        world.start()
        commit(alert_document("resolved", incident=f"inc-{number}", number=2))
    world.run(200)
    expected = {(f"inc-{n}", action) for n in range(8) for action in ("opened", "resolved")}
    assert set(chat.taken) == expected
    for number in range(8):
        heard = [action for incident, action in chat.taken if incident == f"inc-{number}"]
        assert heard.index("opened") < heard.index("resolved")
    assert world.buried == []


def test_a_message_that_was_sent_but_not_noted_is_repeated_under_its_id(engine, commit):
    """At least once: a process that dies in between leaves the receiver to tell."""
    chat, pager = Flaky(), Flaky()
    world = World(engine, {"chat": chat, "pager": pager})
    commit(alert_document())
    world.run(2)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE notifications SET status = 'waiting', sent_at = NULL"))
    world.start()
    world.run(2)
    assert chat.asked == ["inc-1:1/chat"] * 2


def test_messages_carry_similar_incidents_and_links(engine, commit):
    """What only the database knows is added before the message is kept."""
    policy = parse_policy(
        "channels: {chat: {kind: terminal}}\nroute: {receivers: [chat]}\n"
        "links: {kibana: 'https://k.test/?q={origin}', trace: 'https://t.test/{trace_id}'}"
    )
    chat = Keeping()
    world = World(engine, {"chat": chat}, policy)
    earlier = alert_document("resolved", "inc-0", opened_at="2026-03-01T12:00:00+00:00",
                             resolved_at="2026-03-01T12:20:00+00:00")  # fmt: skip
    commit(earlier, alert_document(trace_ids=["a/b"]))
    with engine.begin() as connection:
        AlertStore(connection).acknowledge("inc-0", "ann", START)
    during = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
    LabelStore(engine).add(7, during, Verdict.FALSE, 4.0, "load test", "ann")
    LabelStore(engine).add(7, START, Verdict.TRUE, 4.0, "not within the incident", "ann")
    world.run(2)
    [document] = [item for item in chat.documents if item["incident_id"] == "inc-1"]
    assert document["similar"] == [
        f"2026-03-01 12:00: {earlier['title']}; over after 20 min, put down to payments in"
        " azure-prod, ann took care of it, labelled a false alarm (load test) (inc-0)"
    ]
    assert document["links"] == [
        {"name": "Kibana", "url": "https://k.test/?q=payments"},
        {"name": "Trace", "url": "https://t.test/a%2Fb"},
    ]


def test_an_incident_is_similar_by_its_cause_and_may_have_been_withdrawn(engine, commit):
    """The origin of the two differs; both were put down to the same service."""
    chat = Keeping()
    world = World(engine, {"chat": chat})
    earlier = alert_document(
        "withdrawn", "inc-0", origin="orders", status="withdrawn",
        opened_at="2026-03-01T12:00:00+00:00", resolved_at="2026-03-01T12:20:00+00:00",
    )  # fmt: skip
    commit(earlier)
    cause = {"service": "payments", "environment": "aws-prod", "score": 0.8, "evidence": []}
    with engine.begin() as connection:
        AlertStore(connection).put_localisations({"inc-0": {"causes": [cause]}})
    commit(alert_document())
    world.run(2)
    [similar] = chat.documents[-1]["similar"]
    assert similar.endswith("late data took its reason away (inc-0)")


def test_an_operators_silence_and_acknowledgement_reach_the_dispatcher(engine, commit):
    """Through the database, and across a restart."""
    chat, pager = Flaky(), Flaky()
    world = World(engine, {"chat": chat, "pager": pager})
    world.now = datetime.now(UTC)
    desk = Operator(engine, POLICY)
    ends_at = world.now + timedelta(seconds=60)
    made = desk.silence({"service": ["payments"]}, ends_at, "ann", "load test")
    world.now = datetime.now(UTC)
    commit(alert_document())
    world.run(2)
    world.start()
    world.run(2)
    assert chat.taken == []
    [row] = desk.incidents(timedelta(days=1), 10, only_open=True)
    assert row["told"].startswith(f"nobody was told: silence {made['silence_id']} by ann")
    desk.end_silence(made["silence_id"])
    world.now += timedelta(seconds=61)
    world.run(2)
    assert chat.taken == [("inc-1", "opened")]
    assert desk.acknowledge("inc-1", "ann") == "inc-1"
    world.now = datetime.now(UTC) + timedelta(seconds=120)
    world.run(2)
    story = desk.story("1")
    assert [entry["kind"] for entry in story["log"]] == [
        "held",
        "released",
        "paged",
        "acknowledged",
    ]
    with pytest.raises(UsageError, match="there is no incident 'x'"):
        desk.acknowledge("x", "ann")

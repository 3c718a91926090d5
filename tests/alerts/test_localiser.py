"""Causes in messages: found in time or left out, never waited for."""

import threading
from datetime import timedelta

import pytest
from sample_alerts import START, alert_document

from vigil.alerts import localiser as localiser_module
from vigil.alerts.card import make_card, plain_text
from vigil.alerts.channels import Note
from vigil.alerts.delivery import Outbox
from vigil.alerts.localiser import Localiser
from vigil.alerts.operator import Operator
from vigil.alerts.policy import parse_policy
from vigil.errors import LogError
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import Fault, SimulationPlan, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sinks import EmbeddedSink

POLICY = parse_policy("channels: {chat: {kind: terminal}}\nroute: {receivers: [chat]}")


class Chat:
    """Keeps what it is sent."""

    def __init__(self):
        self.documents: list[dict] = []

    def send(self, note: Note) -> None:
        self.documents.append(dict(note.document))


def slow_payments() -> MemoryLog:
    """The estate's requests; payments in azure-prod takes four times as long from 12:00 on."""
    fault = Fault(
        "f", "latency_step", START, START + timedelta(hours=1), "payments", "azure-prod",
        "westeurope", 4.0, (),
    )  # fmt: skip
    plan = SimulationPlan(START - timedelta(minutes=20), 1_440, 10.0, 5, (fault,))
    log = MemoryLog()
    log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(plan, 0)))
    return log


def unusual(action: str = "opened", **fields) -> dict:
    """An alert on payments as the tracker commits it."""
    series = {
        "series_id": 7, "metric": "latency_ms_p95", "service": "payments",
        "environment": "azure-prod", "since": START.isoformat(), "expected": 132.0, "actual": 412.0,
    }  # fmt: skip
    made = alert_document(action, series=[series], **fields)
    found_later = ("causes", "excess", "in_common", "localised_from")
    return {name: value for name, value in made.items() if name not in found_later}


def delivered(engine, open_log, chat: Chat) -> None:
    """One round of the outbox."""
    localiser = Localiser(engine, open_log, Limits())
    outbox = Outbox(engine, POLICY, {"chat": chat}, clock=lambda: START, localiser=localiser)
    outbox.deliver()
    localiser.close()


def test_the_cause_is_in_the_message_the_incident_and_the_searched_document(engine, commit):
    """Each of them names the service, its environment and where the time went."""
    commit(unusual())
    chat = Chat()
    delivered(engine, slow_payments, chat)
    [sent] = chat.documents
    incident = Operator(engine, POLICY).story("inc-1")["incident"]
    [searched] = EmbeddedSink(engine).alerts(START, START + timedelta(hours=1), 10)
    for document in (sent, incident, searched):
        first = document["causes"][0]
        assert (first["service"], first["environment"]) == ("payments", "azure-prod")
        assert "in payments@azure-prod itself" in document["excess"]["words"]
    text = plain_text(make_card(sent))
    assert "Probable cause  payments in azure-prod" in text
    assert "own time of POST /payments" in text
    assert "Where the time goes" in text


def test_a_later_document_of_the_incident_keeps_its_cause(engine, commit):
    """The scorer replaces the incident; what was found out about it stays."""
    commit(unusual())
    delivered(engine, slow_payments, Chat())
    commit(unusual("resolved", number=2))
    chat = Chat()
    delivered(engine, slow_payments, chat)
    assert chat.documents[0]["causes"][0]["service"] == "payments"


def out_of_order() -> MemoryLog:
    """A log that cannot be opened."""
    raise LogError("the log is down")


def test_without_a_log_the_message_comes_with_what_the_series_say(engine, commit):
    """And says where that is from."""
    commit(unusual())
    chat = Chat()
    delivered(engine, out_of_order, chat)
    assert chat.documents[0]["causes"][0]["service"] == "payments"
    assert chat.documents[0]["localised_from"] == "series"


@pytest.mark.parametrize("fails", [True, False], ids=["fails", "hangs"])
def test_a_search_that_fails_or_hangs_holds_no_page_back(engine, commit, monkeypatch, fails):
    """The page goes without a cause; while one search hangs no second one is begun."""
    ended = threading.Event()

    def search(self, alert):
        if fails:
            raise ZeroDivisionError
        ended.wait(30)

    monkeypatch.setattr(Localiser, "_localise", search)
    monkeypatch.setattr(localiser_module, "WAIT_S", 0.2)
    chat = Chat()
    commit(unusual(), unusual(incident="inc-2"))
    delivered(engine, MemoryLog, chat)
    ended.set()
    assert [document["incident_id"] for document in chat.documents] == ["inc-1", "inc-2"]
    assert all("causes" not in document for document in chat.documents)


def test_only_what_begins_or_grows_is_looked_into(engine):
    """An end, a drill's blind spot and an incident without series have no cause to search."""
    localiser = Localiser(engine, out_of_order, Limits())
    others = [
        unusual("resolved"), unusual(stream="vigil.drill"), alert_document(series=[]),
    ]  # fmt: skip
    assert localiser.causes_of(others) == {}
    localiser.close()

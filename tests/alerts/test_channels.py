"""Every channel against a receiver that checks the published payload and fails at random."""

import base64
import email
import email.policy
import hashlib
import hmac
import json
import shlex
from datetime import timedelta

import orjson
import pytest
from payloads import (
    OpsgenieAlert,
    OpsgenieNote,
    PagerDutyEvent,
    PostableAlert,
    SlackPost,
    SlackWebhook,
    TeamsMessage,
)
from receivers import Receiver, mail_server
from sample_alerts import START, alert_document

from vigil.alerts.card import make_card
from vigil.alerts.channels import KINDS, ChannelError, Note
from vigil.alerts.channels.email import email_message
from vigil.alerts.channels.slack import slack_message
from vigil.alerts.channels.teams import MOST_BYTES, teams_message
from vigil.alerts.delivery import Outbox, open_channels
from vigil.alerts.policy import parse_policy
from vigil.alerts.policy.match import matches
from vigil.errors import ConfigError

KEY = "0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes of shared secret").decode()


def slack(path, headers, body):
    SlackWebhook.model_validate_json(body)
    return 200, "ok"


def slack_bot(path, headers, body):
    assert headers["authorization"] == "Bearer xoxb-1"
    SlackPost.model_validate_json(body)
    return 200, {"ok": True}


def teams(path, headers, body):
    assert len(body) <= MOST_BYTES
    TeamsMessage.model_validate_json(body)
    return 202, ""


def pagerduty(path, headers, body):
    event = PagerDutyEvent.model_validate_json(body)
    return 202, {"status": "success", "dedup_key": event.dedup_key}


def opsgenie(path, headers, body):
    assert headers["authorization"] == "GenieKey secret"
    if path == "/v2/alerts":
        OpsgenieAlert.model_validate_json(body)
    else:
        assert path.partition("?")[2] == "identifierType=alias"
        assert path.partition("?")[0].rpartition("/")[2] in ("close", "notes")
        OpsgenieNote.model_validate_json(body)
    return 202, {"result": "Request will be processed"}


def alertmanager(path, headers, body):
    assert path == "/api/v2/alerts"
    [alert] = json.loads(body)
    PostableAlert.model_validate(alert)
    return 200, ""


def webhook(path, headers, body):
    """The check that Standard Webhooks tells receivers to make."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["idempotency-key"] == headers["webhook-id"]
    json.loads(body)
    return 200, ""


def apprise(path, headers, body):
    sent = json.loads(body)
    assert {"title", "message", "type"} <= set(sent)
    return 200, ""


CHANNELS = {
    "slack": (slack, {"kind": "slack", "url": "{url}/services/x"}),
    "slack bot": (
        slack_bot,
        {"kind": "slack", "token": "xoxb-1", "channel": "#ops", "api": "{url}/chat.postMessage"},
    ),
    "teams": (teams, {"kind": "teams", "url": "{url}/workflow"}),
    "pagerduty": (pagerduty, {"kind": "pagerduty", "routing_key": KEY, "api": "{url}/v2/enqueue"}),
    "opsgenie": (
        opsgenie,
        {"kind": "opsgenie", "api_key": "secret", "api": "{url}", "team": "money"},
    ),
    "alertmanager": (alertmanager, {"kind": "alertmanager", "url": "{url}"}),
    "webhook": (webhook, {"kind": "webhook", "url": "{url}/hook", "secret": SECRET}),
    "apprise": (apprise, {"kind": "apprise", "url": "json://{host}/x"}),
}


def settings_of(name: str, url: str) -> dict:
    """The channel's settings with the receiver's address."""
    host = url.removeprefix("http://")
    return {
        key: value.format(url=url, host=host) if isinstance(value, str) else value
        for key, value in CHANNELS[name][1].items()
    }


def policy_of(settings: dict):
    """Everything to one channel."""
    return parse_policy(
        orjson.dumps(
            {
                "channels": {"x": settings},
                "route": {"receivers": ["x"]},
                "delivery": {"attempts": 100, "last_retry_s": 5},
            }
        ).decode()
    )


def story() -> list[dict]:
    """An incident from its beginning to its end, twice."""
    actions = ("opened", "updated", "corrected", "resolved", "reopened", "withdrawn")
    return [
        alert_document(action, number=number, note="late events changed it.")
        for number, action in enumerate(actions, 1)
    ]


def deliver(engine, policy) -> None:
    """All that waits, with a clock that runs."""
    now = [START]
    outbox = Outbox(engine, policy, open_channels(policy, None), clock=lambda: now[0], seed=3)
    for _ in range(60):
        outbox.deliver()
        now[0] += timedelta(seconds=6)


@pytest.mark.parametrize("name", CHANNELS)
def test_a_receiver_that_fails_at_random_gets_every_message_right_and_in_order(
    name, engine, commit
):
    """At least once, by the published shape."""
    check, _ = CHANNELS[name]
    with Receiver(check, fail=0.4, seed=len(name)) as receiver:
        commit(*story())
        deliver(engine, policy_of(settings_of(name, receiver.url)))
    assert receiver.wrong == []
    assert receiver.failures > 0
    assert len(receiver.taken) == len(story())


def test_incidents_keep_their_key_from_trigger_to_resolve():
    """PagerDuty's dedup_key, Opsgenie's alias, Alertmanager's labels."""
    taken: dict[str, list] = {}
    for name in ("pagerduty", "opsgenie", "alertmanager"):
        check, _ = CHANNELS[name]
        with Receiver(check) as receiver:
            settings = settings_of(name, receiver.url)
            kind = KINDS[settings.pop("kind")]
            channel = kind.open(kind.settings.model_validate(settings))
            for document in (alert_document(), alert_document("resolved", number=2)):
                channel.send(Note(f"{document['alert_id']}/x", document))
        taken[name] = [(path, json.loads(body)) for path, _, body in receiver.taken]
    (_, trigger), (_, resolve) = taken["pagerduty"]
    assert trigger["dedup_key"] == resolve["dedup_key"] == "inc-1"
    assert resolve["event_action"] == "resolve"
    assert taken["opsgenie"][1][0] == "/v2/alerts/inc-1/close?identifierType=alias"
    (_, [firing]), (_, [ended]) = taken["alertmanager"]
    assert firing["labels"] == ended["labels"]
    assert ended["endsAt"] == "2026-03-02T12:31:00+00:00"


def test_mail_arrives_once_a_message_and_keeps_its_conversation(engine, commit):
    """Through a server that refuses for the moment now and then."""
    with mail_server(fail=0.4) as (url, taken):
        commit(*story())
        settings = {"kind": "email", "url": url, "sender": "vigil@a.test", "to": ["ops@a.test"]}
        deliver(engine, policy_of(settings))
    messages = [email.message_from_bytes(raw, policy=email.policy.default) for raw in taken]
    assert len(messages) == len(story())
    assert len({message["Message-ID"] for message in messages}) == len(story())
    assert {message["References"] for message in messages} == {"<inc-1@vigil>"}


def test_mail_has_text_html_and_an_inline_plot():
    """Each reader takes the best that it can show; names are escaped."""
    document = alert_document(title="mail <POST> & friends")
    raw = email_message(Note("inc-1:1/x", document), "vigil@a.test", ["ops@a.test"]).as_bytes()
    first = email.message_from_bytes(raw, policy=email.policy.default)
    plain = first.get_body(("plain",)).get_content()
    assert "412 ms instead of 132 ms" in plain
    html = first.get_body(("html",)).get_content()
    assert "mail &lt;POST&gt; &amp; friends" in html
    assert 'src="cid:plot@vigil"' in html
    [picture] = [part for part in first.walk() if part.get_content_type() == "image/png"]
    assert picture["Content-ID"] == "<plot@vigil>"
    assert picture.get_content().startswith(b"\x89PNG")


def test_a_message_says_all_that_a_person_on_call_needs():
    """What, where, since, expected and actual, affected, cause, history, plot, links, commands."""
    text = json.dumps(slack_message(make_card(alert_document())), ensure_ascii=False)
    for part in (
        "3.1× the expected", "azure-prod", "2026-03-02 12:00:00 UTC", "412 ms instead of 132 ms",
        "about 1,240 requests of shop; 2.3% of the month's error budget", "payments",
        "nothing that it calls is unusual", "ann took care of it", "Deliberately not sent",
        "inc-7a10", "▁", "https://traces.test/4bf9", "vigil ack inc-1", "vigil silence", "money",
    ):  # fmt: skip
        assert part in text, part


@pytest.mark.parametrize(
    ("origin", "services", "about"),
    [
        ("payments", ["orders", "payments"], "service=payments"),
        ("vigil.events", [], "origin=vigil.events"),
        ("", [], "incident=inc-1"),
        ("card payments", ["card payments"], "'service=card payments'"),
    ],
)
def test_the_silence_that_is_suggested_matches_the_incident(origin, services, about):
    """Vigil's own incidents may be of no service, and a series from a file of no origin."""
    document = alert_document(incident_id="inc-1", origin=origin, services=services)
    [command] = [text for text in make_card(document).commands if "silence" in text]
    assert command == f"vigil silence --match {about} --for 1h"
    field, _, value = shlex.split(command)[3].partition("=")
    assert matches({field: [value]}, document)


def test_what_is_too_long_is_shortened_to_the_published_limits():
    """A hundred causes and a title of a page."""
    long = alert_document(title="x" * 5000, cause=["because " * 50] * 100, reason="y" * 5000)
    SlackWebhook.model_validate(slack_message(make_card(long)))
    message = teams_message(make_card(alert_document(cause=["because " * 50] * 100)))
    TeamsMessage.model_validate(message)
    assert len(orjson.dumps(message)) <= MOST_BYTES


def test_a_webhooks_template_makes_any_body():
    """Jinja in a sandbox; a mistake in it is for good."""
    with Receiver(lambda path, headers, body: (200, "")) as receiver:
        kind = KINDS["webhook"]

        def send(template: str) -> None:
            settings = {"url": receiver.url, "template": template}
            channel = kind.open(kind.settings.model_validate(settings))
            channel.send(Note("n", alert_document()))

        send('{"summary": {{ alert.title | tojson }}, "to": {{ alert.owner | tojson }}}')
        assert json.loads(receiver.taken[0][2])["to"] == "money"
        with pytest.raises(ChannelError, match="template failed") as caught:
            send("{{ alert.nothing.at_all }}")
        assert not caught.value.passing
        with pytest.raises(ChannelError, match="template failed"):
            send("{{ ''.__class__.__mro__ }}")


@pytest.mark.parametrize(
    ("status", "headers", "passing", "retry_after_s"),
    [(503, {}, True, 0), (429, {"Retry-After": "7"}, True, 7), (404, {}, False, 0)],
)
def test_a_refusal_says_whether_to_come_again_and_when(status, headers, passing, retry_after_s):
    """And never shows the address, which holds the secret."""
    import httpx

    from vigil.alerts.channels.webhook import Webhook, WebhookSettings

    transport = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers))
    channel = Webhook(WebhookSettings(url="https://a.test/secret"), transport)
    with pytest.raises(ChannelError) as caught:
        channel.send(Note("n", alert_document()))
    assert caught.value.passing is passing
    assert caught.value.retry_after_s == retry_after_s
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "slack"}, "must have either a url or a token with a channel"),
        ({"kind": "pagerduty", "routing_key": "short"}, "channels.x.routing_key"),
        ({"kind": "email", "url": "http://a", "sender": "a", "to": []}, "channels.x.url"),
        ({"kind": "apprise", "url": "nonsense://"}, "must be an address that Apprise knows"),
        ({"kind": "webhook", "url": "http://a", "template": "{{"}, "must be a Jinja template"),
    ],
)
def test_wrong_settings_are_refused_when_the_policy_is_read(settings, said):
    """Not when the first page is due."""
    with pytest.raises(ConfigError) as caught:
        policy_of(settings)
    assert said in str(caught.value)

"""The policy file: what it may say, and how it is refused."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from vigil.alerts.context import links
from vigil.alerts.policy import configured_policy, default_policy, load_policy, parse_policy
from vigil.alerts.policy.calendars import Hours, Maintenance, day_numbers
from vigil.alerts.routing import route
from vigil.config import load_settings
from vigil.errors import ConfigError

GOOD = """
incidents: {confirm_s: {warning: 120}, objective: 0.995}
owners:
  - {team: money, services: [payments, ledger]}
channels:
  chat: {kind: slack, url: "https://hooks.test/${HOOK}"}
  pager: {kind: pagerduty, routing_key: 0123456789abcdef0123456789abcdef}
  mail: {kind: email, url: "smtp://localhost", sender: vigil@test, to: [ops@test]}
hours:
  office: {zone: Europe/Berlin, days: [mon-fri], start: "09:00", until: "17:00"}
escalations:
  on-call:
    steps:
      - {receivers: [pager], acknowledge_s: 300}
      - {receivers: [mail]}
route:
  receivers: [chat]
  routes:
    - match: {owner: money}
      escalation: on-call
      continue: true
    - match: {severity: [info, warning]}
      hours: office
    - match: {environment: "aws-*"}
      receivers: [mail]
inhibit:
  - {name: behind the gateway, source: {origin: gateway}, relation: callees}
limits:
  - {receiver: chat, pages: 5, per_s: 600}
delivery: {fallback: [mail]}
"""


@pytest.fixture(autouse=True)
def hook(monkeypatch):
    """The secret that the file asks for."""
    monkeypatch.setenv("HOOK", "secret")


def test_a_policy_is_read_whole():
    """Variables are filled in, defaults kept."""
    policy = parse_policy(GOOD)
    assert policy.channels["chat"]["url"] == "https://hooks.test/secret"
    assert policy.owner_of("ledger") == "money"
    assert policy.owner_of("mail") == "operations"
    rules = policy.incidents.rules()
    assert (rules.confirm_s["warning"], rules.confirm_s["critical"]) == (120, 360)
    assert rules.objective == 0.995


@pytest.mark.parametrize(
    ("document", "receivers", "escalations", "hours"),
    [
        ({"owner": "money", "severity": "critical"}, [("chat",)], ["on-call"], [None]),
        (
            {"owner": "money", "severity": "warning"},
            [("chat",), ("chat",)],
            ["on-call", None],
            [None, "office"],
        ),
        (
            {"owner": "web", "severity": "error", "environments": ["aws-prod"]},
            [("mail",)],
            [None],
            [None],
        ),
        ({"owner": "web", "severity": "error"}, [("chat",)], [None], [None]),
    ],
)
def test_the_tree_gives_the_first_match_and_goes_on_where_told(
    document, receivers, escalations, hours
):
    """A child has from its parent what it does not say itself."""
    targets = route(parse_policy(GOOD), document)
    assert [target.receivers for target in targets] == receivers
    assert [target.escalation for target in targets] == escalations
    assert [target.hours for target in targets] == hours


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("receivers: [chat]", "receivers: [chatt]",
         "route.receivers: must be a channel (chat, pager, mail), got 'chatt';"
         " the nearest is 'chat'"),
        ("escalation: on-call", "escalation: oncall",
         "route.routes[0].escalation: must be an escalation (on-call), got 'oncall'"),
        ("kind: slack", "kind: slak", "channels.chat.kind: must be a kind of channel"),
        ("sender:", "sendr:",
         "channels.mail.sendr: must be a known field; the nearest is 'sender'"),
        ("{owner: money}", "{ovner: money}", "the nearest is 'owner'"),
        ("acknowledge_s: 300", "acknowledge_s: -1",
         "escalations.on-call.steps[0].acknowledge_s: Input should be greater than 0, got -1"),
        ("inhibit:", "inhibits:", "inhibits: must be a known field; the nearest is 'inhibit'"),
        ("relation: callees", "relation: callee", "inhibit[0].relation"),
        ("Europe/Berlin", "Europe/Brlin",
         "hours.office.zone: must be an IANA time zone such as Europe/Berlin, got 'Europe/Brlin'"),
        ("mon-fri", "mon-fry", "got 'fry'; the nearest is 'fri'"),
        ("${HOOK}", "${NO_HOOK}", "channels: the variable NO_HOOK must be set"),
        ("objective: 0.995", "objective: 2", "incidents.objective: Input should be less than 1"),
        ("route:\n  receivers: [chat]", "route:", "the root must have receivers"),
    ],
)  # fmt: skip
def test_a_refusal_names_place_rule_value_and_nearest_name(old, new, said):
    """Nothing is ignored in silence."""
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse_policy(GOOD.replace(old, new))
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "", "channels: {}"])
def test_what_is_no_policy_is_refused(text):
    """Broken YAML, and YAML of something else."""
    with pytest.raises(ConfigError):
        parse_policy(text)


def test_a_missing_file_is_named(tmp_path):
    """As a setting is."""
    with pytest.raises(ConfigError, match=r"VIGIL_POLICY: .*none\.yaml cannot be read"):
        load_policy(tmp_path / "none.yaml")


def test_without_a_file_everything_goes_to_the_terminal_and_the_webhook():
    """As long as nobody has written a policy."""
    [target] = route(default_policy("https://a.test"), {"severity": "info"})
    assert target.receivers == ("terminal", "webhook")


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
SUMMARY:database upgrade
DTSTART;TZID=Europe/Berlin:20260309T020000
DTEND;TZID=Europe/Berlin:20260309T040000
RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=6
EXDATE;TZID=Europe/Berlin:20260316T020000
END:VEVENT
BEGIN:VEVENT
UID:1
RECURRENCE-ID;TZID=Europe/Berlin:20260323T020000
SUMMARY:database upgrade
DTSTART;TZID=Europe/Berlin:20260324T020000
DTEND;TZID=Europe/Berlin:20260324T030000
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:called off
STATUS:CANCELLED
DTSTART:20260310T000000Z
DTEND:20260310T060000Z
END:VEVENT
BEGIN:VEVENT
UID:3
SUMMARY:holiday
DTSTART;VALUE=DATE:20260403
DTEND;VALUE=DATE:20260404
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-03-09T01:30Z", "database upgrade"),
        ("2026-03-09T03:00Z", None),  # 04:00 in Berlin: over
        ("2026-03-16T01:30Z", None),  # an exception
        ("2026-03-23T01:30Z", None),  # moved …
        ("2026-03-24T01:30Z", "database upgrade"),  # … to here
        ("2026-03-30T00:30Z", "database upgrade"),  # summer time has begun
        ("2026-03-30T02:30Z", None),
        ("2026-04-20T00:30Z", None),  # the count is used up
        ("2026-03-10T01:00Z", None),  # cancelled
        ("2026-04-02T22:30Z", "holiday"),  # a whole day of the zone
    ],
)
def test_maintenance_follows_rules_exceptions_and_time_zones(at, name):
    """RFC 5545, over the change to summer time."""
    found = Maintenance(CALENDAR, ZoneInfo("Europe/Berlin")).at(datetime.fromisoformat(at))
    assert (found and found.name) == name


def test_a_calendar_is_found_beside_the_policy(tmp_path):
    """And a broken one is refused with its path."""
    (tmp_path / "plan.ics").write_text(CALENDAR)
    text = GOOD + "maintenance: [{name: db, calendar: plan.ics, zone: Europe/Berlin}]\n"
    (tmp_path / "policy.yaml").write_text(text)
    [rule] = load_policy(tmp_path / "policy.yaml").maintenance
    assert rule.windows is not None
    (tmp_path / "policy.yaml").write_text(text.replace("plan.ics", "lost.ics"))
    with pytest.raises(ConfigError, match=r"maintenance\[0\].*lost.ics: No such file"):
        load_policy(tmp_path / "policy.yaml")


def test_business_hours_are_those_of_their_zone():
    """Winter and summer, and the weekend."""
    from datetime import time

    hours = Hours(ZoneInfo("Europe/Berlin"), day_numbers(["mon-fri"]), time(9), time(17))
    inside = [datetime(2026, 3, 2, 8, tzinfo=UTC), datetime(2026, 7, 1, 7, tzinfo=UTC)]
    outside = [
        datetime(2026, 3, 2, 7, 59, tzinfo=UTC),
        datetime(2026, 3, 2, 16, tzinfo=UTC),
        datetime(2026, 3, 7, 10, tzinfo=UTC),
    ]
    assert all(map(hours.contains, inside))
    assert not any(map(hours.contains, outside))


def test_messages_lead_to_the_configured_kibana_unless_the_policy_says_otherwise(tmp_path):
    """The credentials of its address go into no message."""
    kibana = "https://me:secret@kibana.test:5601/s/ops/"
    alert = {"incident_id": "inc-1", "opened_at": "2026-03-02T12:00:00+00:00"}
    [link] = links(configured_policy(load_settings(kibana_url=kibana)).links, alert)
    assert link["url"].startswith("https://kibana.test:5601/s/ops/app/dashboards#/view/vigil-")
    assert "%22inc-1%22" in link["url"]
    own = tmp_path / "policy.yaml"
    own.write_text(
        "channels: {a: {kind: terminal}}\nroute: {receivers: [a]}\nlinks: {kibana: 'https://k/'}"
    )
    settings = load_settings(kibana_url=kibana, policy=str(own))
    assert links(configured_policy(settings).links, alert)[0]["url"] == "https://k/"

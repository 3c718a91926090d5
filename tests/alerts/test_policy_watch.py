"""A policy file is read again when it changes, and only a sound one takes effect."""

from pathlib import Path

import pytest

from vigil.alerts.policy import Policy, configured_policy
from vigil.alerts.policy.watch import EVERY_S, PolicyWatch
from vigil.config import Settings, load_settings
from vigil.errors import ConfigError

SOUND = """
channels: {terminal: {kind: terminal}}
route: {receivers: [terminal]}
silences: [{match: {service: [NAME]}, until: 2099-01-01T00:00:00Z}]
"""
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
SUMMARY:SUMMARY
DTSTART:20260302T120000Z
DTEND:20260302T130000Z
END:VEVENT
END:VCALENDAR
"""


class Clock:
    """Moves when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        self.now_s += EVERY_S
        return self.now_s


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "policy.yaml"
    path.write_text(SOUND.replace("NAME", "search"))
    return load_settings(policy=str(path))


def watching(settings: Settings, *followers) -> PolicyWatch:
    return PolicyWatch(settings, configured_policy(settings), followers, Clock())


def silenced(policy: Policy) -> str:
    return policy.silences[0].match["service"][0]


def write(settings: Settings, text: str) -> None:
    """Anew, as editors do it: a file of another size or number."""
    path = Path(settings.policy)
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def test_a_changed_file_is_in_force_at_once_and_told_to_all(settings):
    """Without a restart."""
    told: list[str] = []
    watch = watching(settings, *[lambda policy: told.append(silenced(policy))] * 2)
    assert watch.refresh() is False
    write(settings, SOUND.replace("NAME", "orders"))
    assert watch.refresh() is True
    assert silenced(watch.policy) == "orders"
    assert told == ["orders", "orders"]
    assert watch.refresh() is False


@pytest.mark.parametrize("text", ["route: {receivers: [nobody]}", "channels: [", ""])
def test_a_file_that_is_wrong_changes_nothing_and_says_why_once(settings, caplog, text):
    """The old policy stays in force until the file is mended."""
    told: list[Policy] = []
    watch = watching(settings, told.append)
    write(settings, text)
    assert [watch.refresh(), watch.refresh()] == [False, False]
    assert silenced(watch.policy) == "search"
    assert settings.policy in watch.problem
    assert told == []
    assert len([r for r in caplog.records if "stays in force" in r.getMessage()]) == 1
    write(settings, SOUND.replace("NAME", "orders"))
    assert watch.refresh() is True
    assert watch.problem == ""


def test_a_file_that_is_gone_for_a_moment_changes_nothing(settings):
    """Configuration is often replaced by removing it first."""
    watch = watching(settings)
    Path(settings.policy).unlink()
    assert watch.refresh() is False
    assert silenced(watch.policy) == "search"
    write(settings, SOUND.replace("NAME", "orders"))
    assert watch.refresh() is True


def test_a_policy_that_a_follower_refuses_is_not_in_force(settings):
    """A channel that cannot be opened."""
    told: list[Policy] = []

    def refuse(policy: Policy) -> None:
        raise ConfigError("channels.chat: no such address")

    watch = watching(settings, refuse, told.append)
    write(settings, SOUND.replace("NAME", "orders"))
    assert watch.refresh() is False
    assert watch.problem == "channels.chat: no such address"
    assert silenced(watch.policy) == "search"
    assert told == []


def test_a_changed_calendar_is_read_again(settings, tmp_path):
    """Maintenance is planned in a file of its own."""
    calendar = tmp_path / "plan.ics"
    calendar.write_text(CALENDAR)
    rule = "maintenance: [{name: db, calendar: plan.ics}]"
    write(settings, SOUND.replace("NAME", "search") + rule)
    watch = watching(settings)
    calendar.write_text(CALENDAR.replace("SUMMARY:SUMMARY", "SUMMARY:a longer one"))
    assert watch.refresh() is True
    assert watch.refresh() is False

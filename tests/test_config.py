"""Settings: read from the environment, refused with their name, printed without secrets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.config import Settings, find_problems, load_settings, origins, without_secrets
from vigil.errors import ConfigError


def test_a_refused_value_is_named_with_its_variable(monkeypatch):
    """The text is what a person needs to mend it."""
    monkeypatch.setenv("VIGIL_WINDOW_S", "soon")
    with pytest.raises(ConfigError, match=r"VIGIL_WINDOW_S: .*integer.*, got 'soon'"):
        load_settings()


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes the configuration file of a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VIGIL_CONFIG", raising=False)
    return lambda text: (tmp_path / "vigil.toml").write_text(text)


def test_the_environment_comes_before_the_file_and_the_file_before_defaults(write, monkeypatch):
    """One order, and each value says where it comes from."""
    write('window_s = 30\nlateness_s = 90\nhome = "here"\n')
    monkeypatch.setenv("VIGIL_WINDOW_S", "20")
    settings = load_settings()
    assert (settings.window_s, settings.lateness_s, settings.future_s) == (20, 90, 300)
    assert load_settings(window_s=40).window_s == 40
    where = origins()
    assert (where["window_s"], where["lateness_s"], where["future_s"]) == (
        "VIGIL_WINDOW_S",
        "vigil.toml",
        "default",
    )


def test_a_home_has_settings_of_its_own(write, tmp_path, monkeypatch):
    """What wrote the home goes on as it was; a file in the working folder comes before it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "vigil.toml").write_text("window_s = 60\n")
    assert load_settings(home=home).window_s == 60
    monkeypatch.setenv("VIGIL_HOME", str(home))
    assert load_settings().window_s == 60
    assert origins()["window_s"] == str(home / "vigil.toml")
    write("window_s = 30\n")
    assert load_settings().window_s == 30


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("window = 10", r"vigil.toml: window is no setting; did you mean window_s\?"),
        ("xyzzy = 1", r"vigil.toml: xyzzy is no setting; there are home, "),
        ("window_s = 0", r"vigil.toml: window_s: .*greater than or equal to 1, got 0"),
        ('window_s = "soon"', r"vigil.toml: window_s: .*integer.*, got 'soon'"),
        ("window_s = \nlateness_s = 5\n", r"vigil.toml cannot be read as TOML: .*line 1"),
    ],
)
def test_a_wrong_file_is_refused_with_name_value_and_rule(write, text, said):
    """And with the nearest valid name."""
    write(text)
    with pytest.raises(ConfigError, match=said):
        load_settings()
    assert re.search(said, find_problems()[0])


def test_a_file_that_is_named_must_be_there(write, monkeypatch):
    """A misspelt path must not mean all defaults."""
    monkeypatch.setenv("VIGIL_CONFIG", "none.toml")
    with pytest.raises(ConfigError, match=r"VIGIL_CONFIG names 'none.toml', which is no file"):
        load_settings()


def test_the_check_finds_every_problem_and_misspelt_variables(write, monkeypatch):
    """All at once, so that one run is enough."""
    write("window_s = 0\nlateness = 5\n")
    monkeypatch.setenv("VIGIL_FUTURE_S", "-1")
    monkeypatch.setenv("VIGIL_WINDOWS_S", "10")
    problems = find_problems()
    assert len(problems) == 4
    assert "VIGIL_WINDOWS_S is no setting; did you mean VIGIL_WINDOW_S?" in problems


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("memory:", "memory:"),
        ("sqlite:////var/vigil/log.db", "sqlite:////var/vigil/log.db"),
        ("https://elastic.test:9200", "https://elastic.test:9200"),
        ("https://vigil:s3cret@elastic.test:9200/", "https://vigil:***@elastic.test:9200/"),
        ("postgresql://v:s3cret@[::1]:5432/db?password=s3cret", "postgresql://v:***@[::1]:5432/db?***"),
        ("postgresql://v:s3cret@[::1", "***"),
    ],
)  # fmt: skip
def test_an_address_is_shown_without_its_secrets(url, shown):
    """User, host and path help; password and query do not belong on a screen."""
    assert without_secrets(url) == shown


@given(st.text("abcdefgh0123456789", min_size=12, max_size=20))
def test_no_setting_shows_a_secret(secret):
    """Whatever the password is, wherever it stands."""
    settings = Settings(
        log_url=f"kafka://vigil:{secret}@broker:9092",
        store_url=f"postgresql://vigil:{secret}@db/vigil?sslpassword={secret}",
        sink_url=f"https://vigil:{secret}@elastic:9200",
        webhook_url=f"https://hooks.test/services/{secret}?token={secret}",
    )
    assert secret not in str(settings.shown())
    assert settings.shown()["webhook_url"] == "https://hooks.test/***?***"


def test_calendars_are_read_from_the_file(write):
    """As tables; a zone that is not known is refused when detection is set up."""
    write('[[calendars]]\nmatch = { region = ["eu-*"] }\ntimezone = "Europe/Berlin"\n')
    [calendar] = load_settings().detector.calendars
    assert (calendar.match, calendar.timezone) == ({"region": ("eu-*",)}, "Europe/Berlin")
    write('[[calendars]]\ntimezone = "Berlin"\n')
    with pytest.raises(ConfigError, match="calendar 1: timezone 'Berlin' is no IANA time zone"):
        _ = load_settings().detector

"""Settings: read from the environment, refused with their name, printed without secrets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.config import Settings, load_settings, without_secrets
from vigil.errors import ConfigError


def test_a_refused_value_is_named_with_its_variable(monkeypatch):
    """The text is what a person needs to mend it."""
    monkeypatch.setenv("VIGIL_WINDOW_S", "soon")
    with pytest.raises(ConfigError, match=r"VIGIL_WINDOW_S: .*integer.*, got 'soon'"):
        load_settings()


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

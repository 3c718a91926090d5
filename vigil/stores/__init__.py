"""Where things are kept: event log, database, sink, registry."""

from pathlib import Path

from vigil.config import Settings, without_secrets
from vigil.errors import ConfigError
from vigil.stores.local_state import LocalState
from vigil.stores.log import EventLog
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sqlite_log import SqliteLog

_SQLITE = "sqlite:///"


def open_log(settings: Settings) -> EventLog:
    """The event log that VIGIL_LOG_URL names; raises ConfigError for an unknown scheme."""
    url = settings.log_url
    if not url:
        return SqliteLog(settings.home / "log.sqlite")
    if path := _sqlite_path(url):
        return SqliteLog(path)
    if url == "memory:":
        return MemoryLog()
    if url.startswith(("kafka:", "kafkas:")):
        from vigil.stores.kafka_log import KafkaLog

        return KafkaLog(url)
    shown = without_secrets(url)
    raise ConfigError(
        f"VIGIL_LOG_URL must be kafka://HOST:PORT, sqlite:///PATH or memory:, got {shown!r}"
    )


def open_state(settings: Settings, consumer: str) -> LocalState | None:
    """Where VIGIL_STATE_URL keeps the scorer's state, None for the database; raises ConfigError."""
    url = settings.state_url
    if not url:
        return None
    if path := _sqlite_path(url):
        return LocalState(path, consumer)
    raise ConfigError(f"VIGIL_STATE_URL must be sqlite:///PATH or empty, got {url!r}")


def _sqlite_path(url: str) -> Path | None:
    """Of `sqlite:///PATH`; None for any other address."""
    named = url.startswith(_SQLITE) and len(url) > len(_SQLITE)
    return Path(url.removeprefix(_SQLITE)) if named else None

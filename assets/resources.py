"""What assets work with; everything is opened on use and closed after it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg

from vigil.config import Settings, load_settings
from vigil.errors import ConfigError
from vigil.stores import open_log
from vigil.stores.database import open_database
from vigil.stores.log import EventLog
from vigil.stores.registry import Registry
from vigil.stores.timescale import WindowStore


class VigilResource(dg.ConfigurableResource):
    """Vigil's stores, by the VIGIL_… variables; `home` overrides VIGIL_HOME.

    Without `embedded`, log and database have to be named.
    """

    home: str = ""
    embedded: bool = True

    def settings(self) -> Settings:
        """The settings in force; raises ConfigError where a store that has to be named is not."""
        settings = load_settings(home=Path(self.home)) if self.home else load_settings()
        missing = [name for name in ("log_url", "store_url") if not getattr(settings, name)]
        if missing and not self.embedded:
            raise ConfigError(
                f"VIGIL_{missing[0].upper()} must be set outside of development: nothing embedded"
                " is started there"
            )
        return settings

    @contextmanager
    def windows(self) -> Iterator[WindowStore]:
        """The store of windows and scores."""
        engine = open_database(self.settings())
        try:
            yield WindowStore(engine)
        finally:
            engine.dispose()

    @contextmanager
    def registry(self) -> Iterator[Registry]:
        """The model registry."""
        settings = self.settings()
        engine = open_database(settings)
        try:
            yield Registry(engine, settings.registry_path)
        finally:
            engine.dispose()

    @contextmanager
    def event_log(self) -> Iterator[EventLog]:
        """The event log."""
        with closing(open_log(self.settings())) as event_log:
            yield event_log

    def folder(self, name: str) -> Path:
        """A folder for files of the workbench, made if missing."""
        path = self.settings().home / "workbench" / name
        path.mkdir(parents=True, exist_ok=True)
        return path

"""What assets work with; everything is opened on use and closed after it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg

from vigil.config import Settings, load_settings
from vigil.stores import open_log
from vigil.stores.database import open_database
from vigil.stores.log import EventLog
from vigil.stores.registry import Registry
from vigil.stores.timescale import WindowStore


class VigilResource(dg.ConfigurableResource):
    """Vigil's stores, by the VIGIL_… variables; `home` overrides VIGIL_HOME."""

    home: str = ""

    def settings(self) -> Settings:
        """The settings in force."""
        return load_settings(home=Path(self.home)) if self.home else load_settings()

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

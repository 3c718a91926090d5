"""The champion's bundle in a Python worker of Flink: asked for now and then, loaded once."""

import logging
import time
from pathlib import Path

import sqlalchemy as sa

from vigil.errors import BundleError
from vigil.stores.bundle import Bundle, load_bundle
from vigil.stores.registry import Registry

log = logging.getLogger("vigil.flink")

POLL_S = 10.0


class ChampionPoll:
    """Without a database there is no registry: every series is scored by the online detector.

    `registry` is a folder that every task manager sees under the same path.
    """

    def __init__(self, store_url: str, registry: str) -> None:
        self._registry: Registry | None = None
        if store_url:
            url = sa.make_url(store_url).set(drivername="postgresql+psycopg")
            self._registry = Registry(sa.create_engine(url, pool_pre_ping=True), Path(registry))
        self._polled_s = -POLL_S
        self._bundle_id = ""
        self._bundle: Bundle | None = None

    def bundle(self) -> Bundle | None:
        """The bundle to score with now; the last one while the database or the folder fails."""
        if self._registry is not None and time.monotonic() - self._polled_s >= POLL_S:
            self._polled_s = time.monotonic()
            try:
                self._poll(self._registry)
            except (sa.exc.SQLAlchemyError, BundleError) as error:
                log.error("no new bundle, scoring goes on with the last one: %s", error)
        return self._bundle

    def _poll(self, registry: Registry) -> None:
        champion = registry.champion()
        if champion is not None and champion.bundle_id != self._bundle_id:
            self._bundle = load_bundle(champion.path)
            self._bundle_id = champion.bundle_id
            log.info("scoring with bundle %s from now on", champion.bundle_id)

"""Keeps the database small while the scorer runs, in a thread of its own."""

import logging
import threading

from vigil.errors import DependencyError
from vigil.stores.ledger import LedgerKeeper

log = logging.getLogger("vigil.housekeeping")

EVERY_S = 60.0
JOIN_S = 60.0


class Housekeeping:
    """Tidies the ledger every minute between `start` and `finish`."""

    def __init__(self, keeper: LedgerKeeper, every_s: float = EVERY_S) -> None:
        self._keeper = keeper
        self._every_s = every_s
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with what an earlier life has left."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """End after the transaction in hand; the rest is for the next life."""
        self._ending.set()
        self._keeper.stop()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            self._thread = None

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                packed = self._keeper.tidy()
            except DependencyError as error:
                log.warning("%s; the ledger is tidied later", error)
            else:
                if packed:
                    log.debug("%d decisions packed", packed)
            self._ending.wait(self._every_s)

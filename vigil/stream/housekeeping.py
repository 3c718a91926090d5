"""What a running scorer looks after every minute, in a thread of its own."""

import logging
import threading

from vigil.errors import DependencyError
from vigil.stores.ledger import LedgerKeeper
from vigil.stream.silence import SilenceWatch

log = logging.getLogger("vigil.housekeeping")

EVERY_S = 60.0
JOIN_S = 60.0


class Housekeeping:
    """Between `start` and `finish`, keeps the database small and watches for silent topics."""

    def __init__(
        self, keeper: LedgerKeeper, silence: SilenceWatch, every_s: float = EVERY_S
    ) -> None:
        self._keeper = keeper
        self._silence = silence
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
                self._silence.look()
                packed = self._keeper.tidy()
            except DependencyError as error:
                log.warning("%s; trying again in a minute", error)
            else:
                if packed:
                    log.debug("%d decisions packed", packed)
            self._ending.wait(self._every_s)

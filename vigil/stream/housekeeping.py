"""Keeps the database small while the scorer runs, in a thread of its own."""

import logging
import threading
from collections.abc import Sequence
from typing import Protocol

from vigil.errors import DependencyError

log = logging.getLogger("vigil.housekeeping")

EVERY_S = 60.0
JOIN_S = 60.0


class Keeper(Protocol):
    """Keeps one part of the database small. Any number of calls, at any time, is safe."""

    def tidy(self) -> int:
        """Move or forget what is due; returns how many rows. Raises DependencyError."""
        ...

    def stop(self) -> None:
        """Let a `tidy` that runs in another thread end after its transaction."""
        ...


class Housekeeping:
    """Lets the keepers tidy every minute between `start` and `finish`."""

    def __init__(self, keepers: Sequence[Keeper], every_s: float = EVERY_S) -> None:
        self._keepers = keepers
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
        for keeper in self._keepers:
            keeper.stop()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            self._thread = None

    def _run(self) -> None:
        while not self._ending.is_set():
            for keeper in self._keepers:
                self._tidy(keeper)
            self._ending.wait(self._every_s)

    def _tidy(self, keeper: Keeper) -> None:
        name = type(keeper).__name__
        try:
            rows = keeper.tidy()
        except DependencyError as error:
            log.warning("%s; %s goes on later", error, name)
        else:
            if rows:
                log.debug("%s: %d rows", name, rows)

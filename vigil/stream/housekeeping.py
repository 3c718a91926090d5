"""What a running scorer looks after every minute, in a thread of its own."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from vigil.errors import DependencyError
from vigil.stream.silence import SilenceWatch

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
    """Between `start` and `finish`, keeps the database small and watches for silent topics."""

    def __init__(
        self, keepers: Sequence[Keeper], silence: SilenceWatch, every_s: float = EVERY_S
    ) -> None:
        self._keepers = keepers
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
        for keeper in self._keepers:
            keeper.stop()
        if self._thread is not None:
            self._thread.join(JOIN_S)
            self._thread = None

    def _run(self) -> None:
        while not self._ending.is_set():
            self._try("the silence watch", self._silence.look)
            for keeper in self._keepers:
                self._try(type(keeper).__name__, keeper.tidy)
            self._ending.wait(self._every_s)

    def _try(self, name: str, chore: Callable[[], object]) -> None:
        """One chore; what a database that is down keeps from being done is done a minute later."""
        try:
            done = chore()
        except DependencyError as error:
            log.warning("%s; %s goes on in a minute", error, name)
        else:
            if done:
                log.debug("%s: %s", name, done)

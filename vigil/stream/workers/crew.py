"""The workers of this machine: child processes, begun again when one dies, ended together."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from vigil.config import Settings
from vigil.errors import DependencyError
from vigil.services import service_environment

log = logging.getLogger("vigil.work")

LOOK_S = 0.2
# A worker goes on through outages by itself: one that ends is worth a pause.
PAUSE_S = 5.0
STOP_WAIT_S = 30.0


class Crew:
    """`count` processes of `vigil work`, between entering and leaving the block.

    `through` is set once all have ended by themselves, as they do with `drain`, or `stop` is set.
    """

    def __init__(
        self, settings: Settings, count: int, stop: threading.Event, arguments: Sequence[str] = ()
    ) -> None:
        program = Path(sys.executable).parent / "vigil"
        self._command = [str(program), "work", "--beside", str(os.getpid()), *arguments]
        self._environment = os.environ | service_environment(settings)
        self._drains = "--drain" in arguments
        self._stop = stop
        self._leaving = threading.Event()
        self.through = threading.Event()
        self._children = [self._start() for _ in range(count)]
        self._thread = threading.Thread(target=self._watch, name="crew", daemon=True)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=sys.stderr
        )

    def __enter__(self) -> "Crew":
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not (self._leaving.wait(LOOK_S) or self._stop.is_set()):
            ended = [child for child in self._children if child.poll() is not None]
            if self._drains:
                if len(ended) == len(self._children):
                    break
            elif ended:
                self._replace(ended)
        self.through.set()

    def _replace(self, ended: Sequence[subprocess.Popen[bytes]]) -> None:
        for child in ended:
            log.error("worker %d ended with %d, another begins", child.pid, child.returncode)
        if not self._leaving.wait(PAUSE_S):
            alive = [child for child in self._children if child not in ended]
            self._children = [*alive, *(self._start() for _ in ended)]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        self._thread.join()
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(STOP_WAIT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        failed = [child.returncode for child in self._children if child.returncode]
        if self._drains and failed and error is None and not self._stop.is_set():
            raise DependencyError(f"{len(failed)} workers ended with exit code {failed[0]}")

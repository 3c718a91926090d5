"""Commits one step while the next is computed: a thread, one commit in hand and none waiting.

The order is kept, and a commit that fails ends the scorer: nothing after it is committed.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context


class Committer:
    """Runs what it is given, one after the other."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._running: Future[None] | None = None

    def submit(self, commit: Callable[[], None]) -> None:
        """Begin it once the one before is done; raises what that one raised."""
        self.wait()
        # In the caller's context, so that its trace is part of the step's.
        self._running = self._pool.submit(copy_context().run, commit)

    def wait(self) -> None:
        """Until everything is committed; raises what the last commit raised."""
        if self._running is not None:
            running, self._running = self._running, None
            running.result()

    def close(self) -> None:
        """End the thread after the commit in hand; its failure is the caller's to ask for."""
        self._pool.shutdown(wait=True)

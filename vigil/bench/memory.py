"""How much memory a piece of work takes at its peak."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil

SAMPLED_S = 0.02


@contextmanager
def watched_memory() -> Iterator[Callable[[], float]]:
    """A function that tells the peak so far, in MiB of resident memory above that of the start.

    Sampled 50 times a second by a thread, since the system's own peak is that of the whole process
    and never falls.
    """
    process = psutil.Process()
    before = peak = process.memory_info().rss
    over = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not over.wait(SAMPLED_S):
            peak = max(peak, process.memory_info().rss)

    thread = threading.Thread(target=watch, name="memory", daemon=True)
    thread.start()
    try:
        yield lambda: (max(peak, process.memory_info().rss) - before) / 2**20
    finally:
        over.set()
        thread.join()

"""Event time: how far each partition has come, and when a window may close.

The watermark of a partition trails its newest event by a fixed bound; that of the stream is the
smallest over the partitions that are not idle, and it never goes back.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

UNSEEN = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition had come as each of its records arrived, in epoch microseconds.

    preceding_us: int64 (n,), the newest event before each record, UNSEEN before the first.
    newest_us: the newest event after all of them. Told apart from the records' own times, so that
    somebody who has only a share of a partition's records judges them like one who has them all.
    """

    preceding_us: np.ndarray
    newest_us: int

    @classmethod
    def of(cls, times_us: np.ndarray) -> "Progress":
        """Of a partition's complete records, in order of arrival; there must be one."""
        running = np.maximum.accumulate(times_us)
        return cls(np.concatenate(([UNSEEN], running[:-1])), int(running[-1]))


class Watermark:
    """Bounded out-of-orderness watermarks; all times are epoch microseconds.

    A partition is idle when the caller says so (nothing arrived for a while); it then no longer
    holds the others back, until its next event.
    """

    def __init__(self, out_of_order_us: int) -> None:
        self.out_of_order_us = out_of_order_us
        self.newest_us: dict[int, int] = {}
        self.idle: set[int] = set()
        self.current_us: int = UNSEEN

    def expect(self, partitions: Iterable[int]) -> None:
        """Wait for these partitions although nothing has come from them yet."""
        for partition in partitions:
            self.newest_us.setdefault(partition, UNSEEN)

    def observe(self, partition: int, times_us: np.ndarray) -> np.ndarray:
        """The watermark in force as each event arrives, int64 (n,); then moves past them all.

        Depends on the order of events within the partition only, never on how they were batched.
        """
        if not len(times_us):
            return np.empty(0, np.int64)
        return self.follow(partition, Progress.of(times_us))

    def follow(self, partition: int, progress: Progress) -> np.ndarray:
        """As `observe`, of a partition whose progress is known from elsewhere."""
        before = self.newest_us.get(partition, UNSEEN)
        self.reach(partition, progress.newest_us)
        newest = np.maximum(progress.preceding_us, before)
        # Subtracting from UNSEEN would wrap around.
        own = np.where(newest == UNSEEN, UNSEEN, newest - self.out_of_order_us)
        return np.maximum(own, self.current_us)

    def reach(self, partition: int, newest_us: int) -> None:
        """The partition has come this far, at least."""
        self.newest_us[partition] = max(self.newest_us.get(partition, UNSEEN), newest_us)
        self.idle.discard(partition)

    @property
    def all_idle(self) -> bool:
        """Is nothing waited for?"""
        return self.idle.issuperset(self.newest_us)

    def mark_idle(self, partition: int) -> None:
        """Stop waiting for a partition."""
        self.idle.add(partition)

    def advance(self) -> int:
        """The stream's watermark now; UNSEEN before the first event."""
        active = [at for part, at in self.newest_us.items() if part not in self.idle]
        if active:
            self.current_us = max(self.current_us, min(active) - self.out_of_order_us)
        return self.current_us

    def finish(self, window_us: int) -> int:
        """Move to the end of the newest window: nothing more is awaited for now."""
        newest = max(self.newest_us.values(), default=UNSEEN)
        if newest != UNSEEN:
            self.current_us = max(self.current_us, (newest // window_us + 1) * window_us)
        return self.current_us

"""Event time: how far each partition has come, and when a window may close.

The watermark of a partition trails its newest event by a fixed bound; that of the stream is the
smallest over the partitions that are not idle, and it never goes back.
"""

import numpy as np

UNSEEN = np.iinfo(np.int64).min


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

    def observe(self, partition: int, times_us: np.ndarray) -> np.ndarray:
        """The watermark in force as each event arrives, int64 (n,); then moves past them all.

        Depends on the order of events within the partition only, never on how they were batched.
        """
        if not len(times_us):
            return np.empty(0, np.int64)
        before = self.newest_us.get(partition, UNSEEN)
        newest = np.maximum.accumulate(np.concatenate(([before], times_us)))
        self.newest_us[partition] = int(newest[-1])
        self.idle.discard(partition)
        # Subtracting from UNSEEN would wrap around.
        own = np.where(newest[:-1] == UNSEEN, UNSEEN, newest[:-1] - self.out_of_order_us)
        return np.maximum(own, self.current_us)

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
        if self.newest_us:
            newest = max(self.newest_us.values())
            self.current_us = max(self.current_us, (newest // window_us + 1) * window_us)
        return self.current_us

"""What a reader of Kafka has fetched of a partition ahead of being asked for it."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from vigil.events.joined import sizes_of
from vigil.stores.kafka_columns import Run


@dataclass(slots=True)
class FetchedAhead:
    """A partition's messages in memory: `next_offset` is the one after the newest buffered message,
    `taken_to` the one after the newest handed out. Offsets may have gaps: the end of a transaction
    takes one.
    """

    next_offset: int
    taken_to: int
    fetched: deque[Run] = field(default_factory=deque)
    buffered: int = 0
    buffered_bytes: int = 0
    end_seen: bool = False
    paused: bool = False
    assigned: bool = False

    def restart(self, offset: int) -> None:
        """Begin anew at `offset`."""
        self.next_offset = self.taken_to = offset
        self.fetched.clear()
        self.buffered = self.buffered_bytes = 0
        self.end_seen = self.paused = False
        self.assigned = True

    def keep(self, run: Run) -> None:
        """Buffer what has arrived, but for what was fetched before a seek."""
        run = run.part(int(np.searchsorted(run.offset, self.next_offset)), len(run))
        if not len(run):
            return
        self.fetched.append(run)
        self.next_offset = int(run.offset[-1]) + 1
        self.buffered += len(run)
        self.buffered_bytes += int(sizes_of(run.value).sum())
        self.end_seen = False

    def hand_out(self, max_messages: int, max_bytes: int) -> list[Run]:
        """The oldest that were buffered, within the bounds; at least one where there is any."""
        taken: list[Run] = []
        count = size = 0
        while self.fetched and count < max_messages and size < max_bytes:
            first = self.fetched.popleft()
            sizes = size + np.cumsum(sizes_of(first.value))
            within = int(np.searchsorted(sizes, max_bytes, side="right"))
            fits = min(within, max_messages - count) or int(not taken)
            if fits < len(first):
                self.fetched.appendleft(first.part(fits, len(first)))
            if not fits:
                break
            taken.append(first.part(0, fits))
            count, size = count + fits, int(sizes[fits - 1])
        self.buffered -= count
        self.buffered_bytes -= size
        if taken:
            self.taken_to = int(taken[-1].offset[-1]) + 1
        return taken

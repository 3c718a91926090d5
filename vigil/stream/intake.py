"""Reads and decodes ahead of the scorer's steps, in a thread of its own.

A step takes all that has been read since the one before: few records at once when little comes in,
many when there is a backlog, since a step and its commit cost something however little is in it.
What waits is bounded, so a scorer that cannot keep up reads no further.
"""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from vigil.events.joined import sizes_of
from vigil.stores.checkpoint import Offsets
from vigil.stores.log import EventLog, MessageBatch

# One read: enough rows to think in columns, since decoding costs milliseconds however little there
# is. A message may be one event or a thousand, so bytes decide mostly.
MESSAGES_PER_READ = 20_000
BYTES_PER_READ = 16 << 20
# A step begins when this much waits, or so long after the first of it was read; nothing more is
# read while twice as much waits.
BYTES_PER_STEP = 24 << 20
BYTES_AHEAD = 2 * BYTES_PER_STEP
SOON_S = 0.05
# Where what is read has lain in the log for a while there is a backlog, and large steps clear it
# sooner.
BEHIND_AFTER = timedelta(seconds=1)
GATHER_S = 0.5
POLL_S = 0.05
JOIN_S = 60.0


class Reader(Protocol):
    """The part of a pipeline that touches no state."""

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that are read."""
        ...

    def read(self, topic: str, partition: int, messages: MessageBatch, now_at: datetime) -> Any:
        """What `take` wants of these messages."""
        ...


@dataclass(slots=True)
class Taken:
    """Readings in the order of each partition, and the next offset of every partition so far."""

    readings: list[Any] = field(default_factory=list)
    places: set[tuple[str, int]] = field(default_factory=set)
    messages: int = 0
    payload_bytes: int = 0
    # On the monotonic clock: when a step with this is due, if nothing makes it so before.
    due_s: float = 0.0
    offsets: Offsets = field(default_factory=dict)


class Intake:
    """Reads from `offsets` on between `start` and `finish`; `take` hands over what has come."""

    def __init__(
        self, event_log: EventLog, reader: Reader, offsets: Offsets, clock: Callable[[], datetime]
    ) -> None:
        self._log = event_log
        self._reader = reader
        self._clock = clock
        self._offsets = deepcopy(offsets)
        self._waiting = Taken()
        self._at_end = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def finish(self) -> None:
        """End the thread after the read in hand; what was not taken is read again another time."""
        self._ending.set()
        with self._changed:
            self._changed.notify_all()
        self._thread.join(JOIN_S)

    def take(self, timeout_s: float, to_end: bool = False) -> tuple[Taken | None, bool]:
        """(what has been read, None after `timeout_s` without any; whether the log's end is
        reached). With `to_end` nothing is waited for there. Raises what reading raised.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting.readings or self._error or (to_end and self._at_end),
                timeout_s,
            )
            if self._waiting.readings:
                self._changed.wait_for(self._is_enough, self._waiting.due_s - time.monotonic())
            if self._error is not None:
                raise self._error
            if not self._waiting.readings:
                return None, self._at_end
            taken, self._waiting = self._waiting, Taken()
            taken.offsets = deepcopy(self._offsets)
            self._changed.notify_all()
            return taken, False

    def _is_enough(self) -> bool:
        """Whether waiting for more is in vain, or not needed."""
        full = self._waiting.payload_bytes >= BYTES_PER_STEP
        return full or self._at_end or self._error is not None

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                if not self._read_all():
                    self._ending.wait(POLL_S)
        except Exception as error:  # handed to whoever takes
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _read_all(self) -> bool:
        """One read of each partition; False when none had anything."""
        found = False
        for topic in self._reader.topics:
            for partition in range(self._log.partitions(topic)):
                found |= self._read(topic, partition)
        with self._changed:
            self._at_end = not found
            self._changed.notify_all()
        return found

    def _read(self, topic: str, partition: int) -> bool:
        offset = self._offsets.get(topic, {}).get(partition, 0)
        messages = self._log.read(topic, partition, offset, MESSAGES_PER_READ, BYTES_PER_READ)
        if not messages:
            return False
        reading = self._reader.read(topic, partition, messages, self._clock())
        payload_bytes = int(sizes_of(messages.values).sum())
        is_behind = self._clock() - messages[-1].appended_at > BEHIND_AFTER
        with self._changed:
            self._changed.wait_for(
                lambda: self._waiting.payload_bytes < BYTES_AHEAD or self._ending.is_set()
            )
            self._at_end = False
            if not self._waiting.readings:
                self._waiting.due_s = time.monotonic() + (GATHER_S if is_behind else SOON_S)
            self._waiting.readings.append(reading)
            self._waiting.places.add((topic, partition))
            self._waiting.messages += len(messages)
            self._waiting.payload_bytes += payload_bytes
            self._offsets.setdefault(topic, {})[partition] = messages.offsets[-1] + 1
            self._changed.notify_all()
        return True

"""A producer that never stops: it appends simulated traffic and notes what was acknowledged."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from vigil.config import Settings
from vigil.errors import LogError
from vigil.events.content import ARROW_STREAM, CONTENT_TYPE, JSON, NDJSON
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import SimulationPlan, plan_faults, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import Message

START_AT = datetime(2026, 3, 2, 6, tzinfo=UTC)
# Two hours of feeding at full speed: a campaign on a slow machine must not run dry.
LONGEST = timedelta(days=60)
TRACES_PER_S = 2.0
FAULTS_PER_DAY = 6
RETRY_S = 0.2


@dataclass(slots=True)
class Feeder:
    """Runs in a thread of its own between `start` and `finish`, `pause_s` between messages."""

    settings: Settings
    seed: int
    pause_s: float
    acknowledged: dict[tuple[int, int], int] = field(default_factory=dict)
    events: int = 0
    retries: int = 0
    poisoned: int = 0
    _poison_asked: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to append."""
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()

    def poison(self) -> None:
        """Put a message that no decoder can read among the next ones."""
        self._poison_asked += 1

    def finish(self) -> None:
        """Stop after the message in hand."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        rng = np.random.default_rng([self.seed, 5])
        with closing(open_log(self.settings)) as event_log:
            for message, events in self._traffic():
                batch = [message]
                while self._poison_asked:
                    self._poison_asked -= 1
                    self.poisoned += 1
                    batch.append(_poison(rng))
                while not self._stop.is_set():
                    try:
                        places = event_log.append(TOPIC_EVENTS, batch)
                    except LogError:
                        # Not acknowledged: it is up to the producer to try again.
                        self.retries += 1
                        self._stop.wait(RETRY_S)
                        continue
                    for place, sent in zip(places, batch, strict=True):
                        self.acknowledged[place] = zlib.crc32(sent.value)
                    self.events += events
                    break
                if self._stop.wait(self.pause_s):
                    return

    def _traffic(self) -> Iterator[tuple[Message, int]]:
        """(message, events in it), for as long as anybody asks."""
        days = LONGEST // timedelta(days=1)
        faults = plan_faults(
            self.seed, START_AT + timedelta(hours=2), START_AT + LONGEST, FAULTS_PER_DAY * days
        )
        seconds = int(LONGEST.total_seconds())
        plan = SimulationPlan(START_AT, seconds, TRACES_PER_S, self.seed, faults)
        for index in range(seconds // 3600):
            table = simulate_chunk(plan, index)
            for number, message in enumerate(arrow_messages(table)):
                yield message, min(1_000, table.num_rows - 1_000 * number)


def _poison(rng: np.random.Generator) -> Message:
    garbage = rng.bytes(int(rng.integers(1, 5_000)))
    content = (ARROW_STREAM, JSON, NDJSON, "application/never-heard-of")[rng.integers(4)]
    return Message(garbage, {CONTENT_TYPE: content})

"""A worker: one process that folds the partitions which Kafka's consumer group gives it.

It decodes and folds, which is what grows with the number of events, and knows neither models nor
incidents. What it hands over is gathered by `vigil score` (`gathering.py`).
"""

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from threading import Event

from vigil.events.decode import Limits
from vigil.stores.checkpoint import Offsets
from vigil.stores.kafka_clients import Place
from vigil.stores.kafka_group import KafkaGroup, Noted
from vigil.stream.series import SeriesDirectory
from vigil.stream.workers.folding import HandOver, PartitionFold, Position, together
from vigil.stream.workers.partials import FOLDED, GROUP, Account
from vigil.windows.tumbling import WindowSpec

log = logging.getLogger("vigil.work")

WAIT_S = 0.1
# Progress is committed at least so often, and soon after a window has ended: a hand-over costs
# something however little is in it.
COMMIT_S, SOON_S = 1.0, 0.2
# A partition at its end that was quiet for so long is said to be idle, and all it has handed over.
IDLE_AFTER_S = 5.0


class Worker:
    """Folds from when it joins the group until it leaves; see `Holder` for the group's calls.

    starts: where partitions begin that no worker has read before. `counters`: records in its life.
    `name`: machine and process.
    """

    def __init__(
        self,
        url: str,
        spec: WindowSpec,
        limits: Limits,
        starts: Offsets,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._spec = spec
        self._limits = limits
        self._starts = starts
        self._clock = clock
        self.name = f"{socket.gethostname()}-{os.getpid()}"
        self.counters = {"accepted": 0, "dead": 0}
        self._series = SeriesDirectory()
        self._folds: dict[Place, PartitionFold] = {}
        self._changed_s = self._committed_s = time.monotonic()
        self._group = KafkaGroup(url, GROUP, FOLDED, self)

    def run(self, stop: Event, drain: bool = False) -> None:
        """Fold until `stop` is set; with `drain`, until its partitions' ends. Then hand over all.

        Raises LogError when the brokers are gone: a new worker has to go on from what is committed.
        """
        try:
            while not stop.is_set() and not (drain and self._is_through()):
                self._read()
            self._hand_over(self._folds, everything=True)
        finally:
            self._folds.clear()
            self._group.close()

    def _is_through(self) -> bool:
        """Is nothing left to read? Without a partition, it takes a while to be sure."""
        if not self._folds:
            return time.monotonic() - self._changed_s > IDLE_AFTER_S
        return self._group.at_end.issuperset(self._folds)

    def _read(self) -> None:
        for place, batch in self._group.read(WAIT_S).items():
            # What was on its way when the partition was given up is its next holder's.
            if place in self._folds:
                self._folds[place].take(batch, self._clock())
        now_s = time.monotonic()
        quiet = [
            place
            for place in self._group.at_end & self._folds.keys()
            if now_s - self._folds[place].quiet_since_s > IDLE_AFTER_S
        ]
        if quiet:
            self._hand_over(quiet, everything=True, is_idle=True)
        news = [place for place, fold in self._folds.items() if fold.has_news]
        waited_s = now_s - self._committed_s
        has_ended = waited_s > SOON_S and any(self._folds[place].is_due for place in news)
        if news and (has_ended or waited_s > COMMIT_S):
            self._hand_over(news)

    def _hand_over(
        self, places: Iterable[Place], everything: bool = False, is_idle: bool = False
    ) -> None:
        folds = {
            place: self._folds[place]
            for place in places
            if place in self._group.at_end or not self._folds[place].is_replaying
        }
        handed = {place: fold.hand_over(everything, is_idle) for place, fold in folds.items()}
        for each in handed.values():
            self.counters["accepted"] += each.progress.accepted
            self.counters["dead"] += each.progress.dead
        self._commit(handed, folds)
        if is_idle:
            for fold in folds.values():
                fold.quiet_since_s = time.monotonic()

    def _commit(
        self, handed: Mapping[Place, HandOver], folds: Mapping[Place, PartitionFold]
    ) -> None:
        self._committed_s = time.monotonic()
        if not folds:
            return
        account = Account(self.name, **self.counters, cpu_s=round(time.process_time(), 3))
        outputs = []
        for topic in sorted({topic for topic, _ in handed}):
            found = [each for place, each in handed.items() if place[0] == topic]
            outputs += together(topic, found, self._series, account)
        noted = {
            place: Noted(fold.position.next_offset, fold.position.to_note())
            for place, fold in folds.items()
        }
        self._group.commit(outputs, noted)
        log.debug("%d partitions, %d messages handed over", len(folds), len(outputs))

    def assigned(self, found: Mapping[Place, Noted | None]) -> Mapping[Place, int]:
        """See `Holder`: go on where the last holder was, and say that these are read."""
        self._changed_s = time.monotonic()
        new = {place: self._begin(place, noted) for place, noted in found.items()}
        self._folds |= new
        self._commit({place: fold.announce() for place, fold in new.items()}, new)
        if new:
            log.info("reading %s", _shown(new))
        return {place: fold.position.replay_offset for place, fold in new.items()}

    def _begin(self, place: Place, noted: Noted | None) -> PartitionFold:
        topic, partition = place
        if noted is None:
            at = self._starts.get(topic, {}).get(partition, 0)
            position = Position(at, at)
        else:
            position = Position.of_note(noted.note)
        return PartitionFold(topic, partition, self._spec, self._limits, self._series, position)

    def revoked(self, places: Sequence[Place]) -> None:
        """See `Holder`: hand over all, so that nothing has to be read again."""
        mine = [place for place in places if place in self._folds]
        self._hand_over(mine, everything=True)
        self.lost(places)

    def lost(self, places: Sequence[Place]) -> None:
        """See `Holder`."""
        self._changed_s = time.monotonic()
        for place in places:
            if self._folds.pop(place, None) is not None:
                log.info("no longer reading %s", _shown([place]))


def _shown(places: Iterable[Place]) -> str:
    return ", ".join(f"{topic}/{partition}" for topic, partition in sorted(places))

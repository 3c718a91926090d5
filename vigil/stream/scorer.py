"""The running loop: read the log, step the pipeline, commit, deliver; until told to stop."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event

import polars as pl

from vigil.alerts.policy import PolicyWatch
from vigil.errors import BundleError
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines, describe
from vigil.events.schema import TOPIC_DEAD_LETTERS
from vigil.stores.bundle import Bundle, load_bundle
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Offsets
from vigil.stores.labels import LabelStore
from vigil.stores.lease import Lease
from vigil.stores.log import EventLog, Message, StoredMessage, lag_messages
from vigil.stores.registry import Registry
from vigil.stream.courier import Courier
from vigil.stream.flink.gathering import Gathering
from vigil.stream.housekeeping import Housekeeping
from vigil.stream.pipeline import Pipeline
from vigil.stream.telemetry import Snapshot, Telemetry

log = logging.getLogger("vigil.score")

# Bounds of one step: enough rows to think in columns, few enough to commit often.
# A message may be one event or a thousand, so bytes decide mostly.
MESSAGES_PER_STEP = 20_000
BYTES_PER_STEP = 32 << 20
IDLE_AFTER_S = 5.0
WAIT_S = 0.2
BUNDLE_POLL_S = 1.0
STAND_BY_S = 0.5


@dataclass(slots=True)
class Scorer:
    """Ties a pipeline to its log, database and courier.

    Effectively once: windows, scores, incidents, alerts and what the sink is to get are committed
    with the offsets they come from. The courier carries them on from there. One scorer of a name is
    active; others stand by until its lease is free.
    """

    pipeline: Pipeline | Gathering
    event_log: EventLog
    checkpoints: CheckpointStore
    registry: Registry
    labels: LabelStore
    lease: Lease
    courier: Courier
    telemetry: Telemetry
    housekeeping: Housekeeping
    policies: PolicyWatch
    for_sink: bool = False
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _offsets: Offsets = field(default_factory=dict)
    _group: Offsets = field(default_factory=dict)
    _epoch: int = 0
    _bundle_id: str | None = None
    _bundle_polled: float = 0.0
    # No trial has this number: a restored shadow may be of one that is over.
    _trial_id: int | None = 0
    _quiet_since: dict[tuple[str, int], float] = field(default_factory=dict)

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        consumer, checkpoint = self.checkpoints.consumer, self.checkpoints.load()
        self._group = {
            topic: self.event_log.committed(consumer, topic) for topic in self.pipeline.topics
        }
        if checkpoint is None:
            log.info("starting with an empty state")
            return
        self._epoch = checkpoint.epoch
        self._offsets = checkpoint.offsets
        self.pipeline.restore(checkpoint.state, checkpoint.counters)
        log.info(
            "resuming from checkpoint %d: %d records read so far",
            checkpoint.epoch,
            self.pipeline.counters["read"],
        )
        self._tell_telemetry()

    def run(self, stop: Event, drain: bool = False) -> None:
        """Score until `stop` is set; with `drain`, until the log's end, closing every window.

        Raises DependencyError when the log or the database is gone: the state in memory is then
        ahead of the last checkpoint, and a new scorer has to go on from there.
        """
        if not self._become_active(stop):
            return
        self.resume()
        self.courier.start()
        self.housekeeping.start()
        finished = False
        try:
            finished = self._score_until(stop, drain)
        finally:
            self.housekeeping.finish()
            self.courier.finish(deliver_all=finished)
            self.lease.release()

    def _become_active(self, stop: Event) -> bool:
        """Wait for the lease; False when asked to stop before."""
        if self.lease.acquire():
            return True
        log.info("standing by: another scorer named %s is active", self.checkpoints.consumer)
        while not stop.wait(STAND_BY_S):
            if self.lease.acquire():
                log.info("active now: the other scorer has gone")
                return True
        return False

    def _score_until(self, stop: Event, drain: bool) -> bool:
        """True when the log's end was reached with `drain`."""
        while not stop.is_set():
            self.poll_bundle()
            self.policies.refresh()
            self._sample()
            batches = self._read()
            if batches:
                with self.telemetry.stage("step", messages=sum(map(len, batches.values()))):
                    self._step(batches)
            elif drain:
                self._step({}, finish=True)
                return True
            else:
                self._mark_idle()
                stop.wait(WAIT_S)
        return False

    def poll_bundle(self) -> None:
        """Take new labels, and champion and shadow when they have changed; a bad bundle keeps the
        old champion.
        """
        if time.monotonic() - self._bundle_polled < BUNDLE_POLL_S:
            return
        self._bundle_polled = time.monotonic()
        self.pipeline.learn(self.labels.after(self.pipeline.labelled_to))
        self._poll_champion()
        # After the champion: a promotion makes the two change places.
        self._poll_shadow()

    def _poll_champion(self) -> None:
        champion = self.registry.champion()
        if champion is None or champion.bundle_id == self._bundle_id:
            return
        self._bundle_id = champion.bundle_id
        try:
            bundle: Bundle = load_bundle(champion.path)
        except BundleError as error:
            log.error(
                "bundle %s refused, scoring goes on without it: %s", champion.bundle_id, error
            )
            return
        self.pipeline.use(bundle)
        log.info("scoring with bundle %s from now on", champion.bundle_id)

    def _poll_shadow(self) -> None:
        trial = self.registry.trials.shadowed()
        number = trial.trial_id if trial else None
        if number == self._trial_id:
            return
        self._trial_id = number
        if trial is None:
            self.pipeline.end_shadow()
            return
        try:
            bundle = load_bundle(self.registry.path(trial.shadow_id))
        except BundleError as error:
            self.pipeline.end_shadow()
            log.error("bundle %s refused, nothing is in the shadow: %s", trial.shadow_id, error)
            return
        self.pipeline.put_in_shadow(trial, bundle)
        log.info("bundle %s in the shadow from now on (%s)", trial.shadow_id, trial.purpose)

    def _read(self) -> dict[tuple[str, int], list[StoredMessage]]:
        batches = {}
        for topic in self.pipeline.topics:
            for partition in range(self.event_log.partitions(topic)):
                offset = self._offsets.get(topic, {}).get(partition, 0)
                messages = self.event_log.read(
                    topic, partition, offset, MESSAGES_PER_STEP, BYTES_PER_STEP
                )
                if messages:
                    batches[topic, partition] = messages
                    self._quiet_since.pop((topic, partition), None)
        return batches

    def _mark_idle(self) -> None:
        """Let the other partitions go on without one that has been quiet for a while."""
        now = time.monotonic()
        for place in self.pipeline.partitions():
            since = self._quiet_since.setdefault(place, now)
            if now - since > IDLE_AFTER_S:
                self.pipeline.mark_idle(*place)

    def _step(
        self, batches: dict[tuple[str, int], list[StoredMessage]], finish: bool = False
    ) -> None:
        with self.telemetry.stage("compute"):
            step = self.pipeline.step(batches, self.clock(), finish)
        for (topic, partition), messages in batches.items():
            self._offsets.setdefault(topic, {})[partition] = messages[-1].offset + 1
        # 1. Dead letters first: a crash after them repeats them under the same ids.
        self._bury(step.dead)
        # 2. Everything else, with the offsets, at once.
        self._epoch += 1
        counters = dict(self.pipeline.counters)
        checkpoint = Checkpoint(self._epoch, self._offsets, counters, self.pipeline.state())
        outputs = step.outputs
        if self.for_sink:
            outputs = replace(outputs, for_sink=step.scored)
        with self.telemetry.stage("commit"):
            self.checkpoints.commit(checkpoint, outputs)
        # 3. Only what is committed is told to anybody.
        self.courier.wake()
        self._tell_log()
        self._tell_telemetry()

    def _tell_telemetry(self) -> None:
        self.telemetry.committed(
            Snapshot(
                epoch=self._epoch,
                counters=dict(self.pipeline.counters),
                watermarks=self.pipeline.watermarks(),
                series=self.pipeline.series_count,
            )
        )

    def _sample(self) -> None:
        if self.telemetry.sample_is_due():
            self.telemetry.sample(lag_messages(self.event_log, self._offsets, self.pipeline.topics))

    def _tell_log(self) -> None:
        """Let the log's own tools see the lag. What counts is the checkpoint: after a restored
        database the group is ahead of it, and stays there until the scorer has caught up.
        """
        for topic, offsets in self._offsets.items():
            known = self._group.setdefault(topic, {})
            news = {part: at for part, at in offsets.items() if at > known.get(part, 0)}
            if news:
                self.event_log.commit(self.checkpoints.consumer, topic, news)
                known |= news

    def _bury(self, dead: pl.DataFrame) -> None:
        if dead.height:
            message = Message(dead_letter_lines(dead), {CONTENT_TYPE: NDJSON})
            self.event_log.append(TOPIC_DEAD_LETTERS, [message])
            log.warning(
                "%d dead letters, the first: %s", dead.height, describe(dead.row(0, named=True))
            )

"""The running loop: read the log, step the pipeline, commit, deliver; until told to stop."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
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
from vigil.stores.log import EventLog, Message, lag_messages
from vigil.stores.registry import Registry
from vigil.stream.committer import Committer
from vigil.stream.courier import Courier
from vigil.stream.flink.gathering import Gathering
from vigil.stream.housekeeping import Housekeeping
from vigil.stream.intake import Intake, Taken
from vigil.stream.pipeline import Pipeline, Step
from vigil.stream.state import State
from vigil.stream.telemetry import Snapshot, Telemetry
from vigil.stream.workers.roster import not_handed_over

log = logging.getLogger("vigil.score")

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

    Three things go on at once: the intake reads and decodes, this thread steps the pipeline, and
    the step before is committed. Only this thread touches the pipeline's state.
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
    _committer: Committer = field(default_factory=Committer)
    _bundle_id: str | None = None
    _bundle_polled: float = 0.0
    # No trial has this number: a restored shadow may be of one that is over.
    _trial_id: int | None = 0
    _quiet_since: dict[tuple[str, int], float] = field(default_factory=dict)

    def resume(self) -> None:
        """Go on from the last checkpoint, if there is one."""
        began_s = time.monotonic()
        consumer, checkpoint = self.checkpoints.consumer, self.checkpoints.load()
        self._group = {
            topic: self.event_log.committed(consumer, topic)
            for topic in {*self.pipeline.topics, *self.pipeline.inputs}
        }
        if checkpoint is None:
            log.info("starting with an empty state")
            return
        self._epoch = checkpoint.epoch
        self._offsets = checkpoint.offsets
        self.pipeline.restore(State.of(checkpoint.state), checkpoint.counters)
        log.info(
            "resuming from checkpoint %d after %.2f s: %d series, %d records read so far",
            checkpoint.epoch,
            time.monotonic() - began_s,
            self.pipeline.series_count,
            self.pipeline.counters["read"],
        )
        self.telemetry.committed(self._snapshot())

    def run(self, stop: Event, drain: bool = False) -> None:
        """Score until `stop` is set; with `drain`, until the log's end, closing every window.

        Raises DependencyError when the log or the database is gone: the state in memory is then
        ahead of the last checkpoint, and a new scorer has to go on from there.
        """
        if not self._become_active(stop):
            return
        self.resume()
        self.pipeline.wait_for(place for place, unread in self._lag().items() if unread)
        self.courier.start()
        self.housekeeping.start()
        finished = False
        try:
            with ExitStack() as threads:
                threads.callback(self._committer.close)
                intake = Intake(self.event_log, self.pipeline, self._offsets, self.clock)
                intake.start()
                threads.callback(intake.finish)
                finished = self._score_until(stop, drain, intake)
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

    def _score_until(self, stop: Event, drain: bool, intake: Intake) -> bool:
        """True when the log's end was reached with `drain`."""
        if self.pipeline.announces:
            self._step(Taken(offsets=self._offsets))
        while not stop.is_set():
            self.poll_bundle()
            self.policies.refresh()
            self._sample()
            taken, at_end = intake.take(WAIT_S, to_end=drain)
            if taken:
                with self.telemetry.stage("step", messages=taken.messages):
                    self._step(taken)
            elif drain and at_end:
                self._step(Taken(offsets=self._offsets), finish=True)
                self._committer.wait()
                return True
            else:
                # While nothing comes in, a commit that has failed must not stay unnoticed.
                self._committer.wait()
            if self._mark_idle():
                # What they held back is due.
                self._step(Taken(offsets=self._offsets))
        self._committer.wait()
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

    def _mark_idle(self) -> bool:
        """Let the other partitions go on without one that has been quiet for a while, and not
        because its turn to be read has not come. True where one was awaited until now.
        """
        now = time.monotonic()
        since = {
            place: self._quiet_since.setdefault(place, now) for place in self.pipeline.awaited()
        }
        quiet = [place for place, began in since.items() if now - began > IDLE_AFTER_S]
        unread = self._lag() if quiet else {}
        self._quiet_since |= {place: now for place in quiet if unread.get(place)}
        idle = [place for place in quiet if not unread.get(place)]
        for place in idle:
            self.pipeline.mark_idle(*place)
        return bool(idle)

    def _step(self, taken: Taken, finish: bool = False) -> None:
        for place in taken.places:
            self._quiet_since.pop(place, None)
        with self.telemetry.stage("compute"):
            step = self.pipeline.take(taken.readings, finish)
        self._offsets = offsets = taken.offsets | {
            topic: taken.offsets.get(topic, {}) | reached
            for topic, reached in self.pipeline.reached.items()
        }
        self._epoch += 1
        snapshot = self._snapshot()
        # The state's copies are good until the next ones: the commit that reads them must be done.
        self._committer.wait()
        with self.telemetry.stage("checkpoint"):
            state = self.pipeline.state()
        self._committer.submit(lambda: self._commit(step, offsets, state, snapshot))

    def _snapshot(self) -> Snapshot:
        return Snapshot(
            epoch=self._epoch,
            counters=dict(self.pipeline.counters),
            watermarks=self.pipeline.watermarks(),
            series=self.pipeline.series_count,
            workers=self.pipeline.workers,
        )

    def _commit(self, step: Step, offsets: Offsets, state: State, snapshot: Snapshot) -> None:
        """In the committer's thread; nothing of it changes any more."""
        # 1. Dead letters first: a crash after them repeats them under the same ids.
        self._bury(step.dead)
        # 2. Everything else, with the offsets, at once.
        outputs = step.outputs
        if self.for_sink:
            outputs = replace(outputs, for_sink=step.scored)
        with self.telemetry.stage("commit"):
            checkpoint = Checkpoint(snapshot.epoch, offsets, dict(snapshot.counters))
            self.checkpoints.commit(checkpoint, outputs, state.parts())
        # 3. Only what is committed is told to anybody.
        self.courier.wake()
        self._tell_log(offsets)
        self.telemetry.committed(snapshot)

    def _sample(self) -> None:
        if self.telemetry.sample_is_due():
            self.telemetry.sample(self._lag(), not_handed_over(self.event_log, self._offsets))

    def _lag(self) -> dict[tuple[str, int], int]:
        """Messages of each partition that were not read yet."""
        return lag_messages(self.event_log, self._offsets, self.pipeline.inputs)

    def _tell_log(self, reached: Offsets) -> None:
        """Let the log's own tools see the lag. What counts is the checkpoint: after a restored
        database the group is ahead of it, and stays there until the scorer has caught up.
        """
        for topic, offsets in reached.items():
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

"""The demo: the whole product on embedded defaults, step by step, with progress.

Each step notes when it is done, and each is safe to repeat: an interrupted demo goes on where it
stopped, a finished one starts afresh.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import orjson
from rich.console import Console
from rich.progress import Progress

from vigil.collect.ingest import ingest_files
from vigil.config import FILE_NAME, ROOT, Settings, load_settings
from vigil.demo.feed import feed_broken, feed_requests
from vigil.demo.plan import START_AT, WINDOW_S, DemoPlan, Progressed
from vigil.errors import DependencyError, VigilError
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.services import Supervisor, all_services, prepare_dagster, service_environment
from vigil.simulate import chunk_count, write_labels
from vigil.stores import open_log
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.registry import Registry

CAUGHT_UP_WAIT_S = 180.0
PROMOTION_WAIT_S = 120.0
# The labelled series are years old: their decisions must not be forgotten before they are judged.
LEDGER_DAYS = 20 * 365
STEPS = ("start", "history", "dataset", "workbench", "promotion", "live")


@dataclass(slots=True)
class Demo:
    """One run; `settings` point at a home of the demo's own."""

    settings: Settings
    console: Console
    progress: Progress
    plan: DemoPlan = field(init=False)
    done: Progressed = field(init=False)
    supervisor: Supervisor = field(init=False)

    def __post_init__(self) -> None:
        self.plan = DemoPlan(self.settings)
        self.supervisor = Supervisor(self.settings)
        self._begin()

    def _begin(self) -> None:
        """A fresh home, unless an interrupted run left one to go on with."""
        record = self.settings.home / "steps.json"
        if not record.exists() or STEPS[-1] in Progressed(record):
            for service in all_services():
                self.supervisor.stop(service)
            shutil.rmtree(self.settings.home, ignore_errors=True)
        else:
            self.say("going on with the demo that was interrupted")
        self.settings.home.mkdir(parents=True, exist_ok=True)
        # So that `vigil up` on this home goes on as the demo did.
        (self.settings.home / FILE_NAME).write_text(
            f"window_s = {self.settings.window_s}\nledger_days = {self.settings.ledger_days}\n"
        )
        self.done = Progressed(record)

    def say(self, text: str) -> None:
        """One line above the bars."""
        self.progress.console.print(text)

    def run(self) -> None:
        """All steps that are not behind us yet."""
        scorer, *_ = all_services()
        # The database outlives single commands as long as this process uses it.
        engine = open_database(self.settings)
        self.supervisor.start(scorer)
        try:
            for step in STEPS:
                if step not in self.done:
                    getattr(self, f"step_{step}")()
                    self.done.add(step)
        finally:
            for service in all_services():
                self.supervisor.stop(service)
            engine.dispose()

    def step_start(self) -> None:
        """Write down the truth before anything happens."""
        simulation = self.plan.simulation
        write_labels(
            self.plan.labels_path, simulation.seed, START_AT, self.plan.end_at, simulation.faults
        )

    def step_history(self) -> None:
        """Two and a half quiet days to learn from."""
        self._feed("simulating history", self.plan.live_at)
        self._catch_up("scoring history")

    def step_dataset(self) -> None:
        """Labelled production series, where there are any."""
        folder = self.settings.datasets / "cloud-monitoring" / "data"
        files = sorted(folder.glob("*/*.csv"))
        if not files:
            self.say(f"no dataset at {folder}: the demo uses the simulator alone")
            return
        limits = self.settings.limits
        with closing(open_log(self.settings)) as event_log:
            if sum(event_log.end_offsets(TOPIC_METRICS).values()):
                return
            task = self.progress.add_task("reading labelled series", total=len(files))
            ingest_files(
                event_log, files, limits, "metrics", tick=lambda path: self.progress.advance(task)
            )
        self._catch_up("scoring labelled series")

    def step_workbench(self) -> None:
        """Dagster: snapshots, features, training set, backtests, challenger."""
        prepare_dagster(self.settings)
        # It takes some seconds to load; the promotion will need it.
        _, _, daemon, *_ = all_services()
        self.supervisor.start(daemon)
        wanted = (
            "event_log_snapshot",
            "observations",
            "features",
            "training_set",
            "backtests",
            "challenger",
        )
        task = self.progress.add_task("Dagster assets", total=len(wanted))
        start, end = START_AT.isoformat(), self.plan.live_at.isoformat()
        with self._python("jobs.launch", "--start", start, "--end", end) as lines:
            for line in lines:
                if "error" in line:
                    raise DependencyError(f"Dagster step {line['step']} failed: {line['error']}")
                if line.get("asset") in wanted:
                    self.progress.advance(task)

    @contextmanager
    def _python(self, module: str, *arguments: str) -> Iterator[Iterator[dict]]:
        """Lines of JSON from a module run in the demo's home; its log goes to a file."""
        log = self.settings.home / "logs" / f"{module}.log"
        with log.open("ab") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env=os.environ | service_environment(self.settings),
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            assert child.stdout is not None
            try:
                yield (orjson.loads(line) for line in child.stdout if line.startswith(b"{"))
                code = child.wait()
            finally:
                child.kill()
                child.wait()
        if code:
            raise DependencyError(f"{module} ended with exit code {code}, see {log}")

    def step_promotion(self) -> None:
        """Dagster's sensor promotes the challenger; the scorer loads it without a restart."""
        _, _, daemon, *_ = all_services()
        self.supervisor.start(daemon)
        engine = open_database(self.settings)
        registry = Registry(engine, self.settings.registry_path)
        self._wait("sensor promotes a champion", PROMOTION_WAIT_S, registry.champion)
        champion = registry.champion()
        engine.dispose()
        assert champion is not None
        loaded = f"scoring with bundle {champion.bundle_id}"
        scorer, *_ = all_services()
        log = self.supervisor.log_path(scorer)
        began = time.monotonic()
        self._wait("scorer loads the champion", 30.0, lambda: loaded in log.read_text())
        took = time.monotonic() - began
        self.say(
            f"champion {champion.bundle_id} ({champion.reason}), scorer had it in {took:.1f} s"
        )
        self.supervisor.stop(daemon)

    def step_live(self) -> None:
        """Half a day with faults, and some records that no parser should accept."""
        with closing(open_log(self.settings)) as event_log:
            feed_broken(event_log)
        self._feed("simulating faults", self.plan.end_at)
        self._catch_up("scoring live traffic")

    def _feed(self, title: str, until_at: datetime) -> None:
        simulation = self.plan.simulation
        share = (until_at - simulation.start_at) / (self.plan.end_at - simulation.start_at)
        hours = round(chunk_count(simulation) * share)
        task = self.progress.add_task(title, total=hours)
        with closing(open_log(self.settings)) as event_log:
            feed_requests(
                self.plan, event_log, until_at, lambda events: self.progress.advance(task)
            )

    def _catch_up(self, title: str) -> None:
        """Wait until the scorer has committed all of the log; restart it if somebody kills it."""
        scorer, *_ = all_services()
        engine = open_database(self.settings)
        checkpoints = CheckpointStore(engine, CONSUMER)
        with closing(open_log(self.settings)) as event_log:
            ends = {topic: event_log.end_offsets(topic) for topic in (TOPIC_EVENTS, TOPIC_METRICS)}
        total = sum(sum(partitions.values()) for partitions in ends.values())
        task = self.progress.add_task(title, total=total)
        last_move, before = time.monotonic(), -1
        while before < total:
            if self.supervisor.find(scorer) is None:
                self.say("the scorer has died: starting it again, it goes on from its checkpoint")
                self.supervisor.start(scorer)
            offsets = checkpoints.offsets()
            now = sum(sum(partitions.values()) for partitions in offsets.values())
            if now != before:
                last_move, before = time.monotonic(), now
                self.progress.update(task, completed=now)
            elif time.monotonic() - last_move > CAUGHT_UP_WAIT_S:
                log = self.supervisor.log_path(scorer)
                raise DependencyError(f"the scorer makes no progress, see {log}")
            time.sleep(0.2)
        engine.dispose()

    def _wait(self, title: str, limit_s: float, ready: object) -> None:
        task = self.progress.add_task(title, total=None)
        deadline = time.monotonic() + limit_s
        assert callable(ready)
        while not ready():
            if time.monotonic() > deadline:
                logs = self.settings.home / "logs"
                raise VigilError(f"{title}: nothing happened in {limit_s:.0f} s, see {logs}")
            time.sleep(0.2)
        self.progress.update(task, total=1, completed=1)


def demo_settings() -> Settings:
    """Embedded stores in a home of the demo's own, beside whatever else runs here."""
    asked = load_settings()
    return load_settings(
        home=asked.home / "demo",
        log_url="",
        store_url="",
        sink_url="",
        window_s=WINDOW_S,
        ledger_days=LEDGER_DAYS,
    )

"""The campaign: a seeded order of strikes against a stack that is fed all the time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from vigil.bench.recovery.feeder import Feeder
from vigil.bench.recovery.stacks import Stack
from vigil.bench.recovery.verdict import Verdict, judge
from vigil.errors import VigilError
from vigil.services import service_environment
from vigil.stores.checkpoint import CONSUMER

RECOVER_S = 180.0
OUTAGE_S = (0.2, 4.0)
BETWEEN_S = (0.0, 1.5)

SCORER_KILLED = "scorer killed"
TAKEN_OVER = "scorer killed, another standing by"
POISONED = "message poisoned"


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """How often what is broken; `seed` fixes the order and the pauses.

    `feed_pause_s` lies between two messages of a thousand events each.
    """

    seed: int = 1
    scorer_kills: int = 100
    server_kills: int = 10
    others: int = 3
    feed_pause_s: float = 0.2

    def strikes(self, outages: list[str]) -> list[str]:
        """All strikes in their order."""
        wanted = [SCORER_KILLED] * self.scorer_kills + [TAKEN_OVER, POISONED] * self.others
        for outage in outages:
            times = self.server_kills if outage.endswith("killed") else self.others
            wanted += [outage] * times
        rng = np.random.default_rng([self.seed, 9])
        return [wanted[number] for number in rng.permutation(len(wanted))]


@dataclass(slots=True)
class Campaign:
    """One run against one stack, which is up; `recoveries`: strike → seconds, one each."""

    stack: Stack
    plan: CampaignPlan
    progress: Callable[[int, int, str], None] = lambda done, total, what: None
    recoveries: dict[str, list[float]] = field(default_factory=dict)
    feeder: Feeder = field(init=False)
    _scorer: subprocess.Popen[bytes] | None = None
    _newest_epoch: int = 0

    @property
    def log_path(self) -> Path:
        """What the scorers under test said."""
        return self.stack.home / "scorer.log"

    def run(self) -> Verdict:
        """Strike, drain, judge."""
        rng = np.random.default_rng([self.plan.seed, 11])
        strikes = self.plan.strikes(list(self.stack.outages))
        self.feeder = feeder = Feeder(self.stack.direct, self.plan.seed, self.plan.feed_pause_s)
        self._scorer = self._start()
        feeder.start()
        try:
            self._recovered(0)
            for number, strike in enumerate(strikes):
                self.progress(number, len(strikes), strike)
                time.sleep(rng.uniform(*BETWEEN_S))
                self._strike(strike, feeder, rng.uniform(*OUTAGE_S))
            feeder.finish()
            self._kill(self._scorer)
            self._drain()
        finally:
            feeder.finish()
            self._kill(self._scorer)
        self.progress(len(strikes), len(strikes), "comparing with an undisturbed run")
        return judge(self.stack.direct, self.stack.reference(), feeder, self.stack.receiver)

    def _strike(self, strike: str, feeder: Feeder, seconds: float) -> None:
        before = self._epoch()
        began = time.monotonic()
        if strike == SCORER_KILLED:
            self._kill(self._scorer)
            self._scorer = self._start()
        elif strike == TAKEN_OVER:
            began = self._take_over()
            before = self._epoch()
        elif strike == POISONED:
            feeder.poison()
        else:
            self.stack.outages[strike](seconds)
            began = time.monotonic()
        self._recovered(before)
        self.recoveries.setdefault(strike, []).append(time.monotonic() - began)

    def _take_over(self) -> float:
        """Kill the active scorer while a second one stands by; returns when."""
        heard = self.log_path.stat().st_size
        second = self._start()
        deadline = time.monotonic() + RECOVER_S
        while b"standing by" not in self.log_path.read_bytes()[heard:]:
            if time.monotonic() > deadline:
                raise VigilError(f"the second scorer does not stand by, see {self.log_path}")
            time.sleep(0.02)
        began = time.monotonic()
        self._kill(self._scorer)
        self._scorer = second
        return began

    def _recovered(self, before: int) -> None:
        """Wait for two commits: the first may have been under way when the strike came."""
        deadline = time.monotonic() + RECOVER_S
        while self._epoch() < before + 2:
            if time.monotonic() > deadline:
                raise VigilError(f"nothing recovered in {RECOVER_S:.0f} s, see {self.log_path}")
            self.stack.supervise()
            if self._scorer is not None and self._scorer.poll() is not None:
                self._scorer = self._start()
            time.sleep(0.02)

    def _epoch(self) -> int:
        """The last committed checkpoint; while the database is down, the last one known."""
        query = sa.text("SELECT epoch FROM checkpoints WHERE consumer = :consumer")
        url = sa.make_url(self.stack.database_url()).set(drivername="postgresql+psycopg")
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"connect_timeout": 2})
        try:
            with engine.connect() as connection:
                self._newest_epoch = connection.execute(query, {"consumer": CONSUMER}).scalar() or 0
        except sa.exc.DBAPIError:
            pass
        return self._newest_epoch

    def _start(self) -> subprocess.Popen[bytes]:
        return self._run(["score", "--quiet"])

    def _run(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        command = [str(Path(sys.executable).parent / "vigil"), *arguments]
        environment = os.environ | service_environment(self.stack.settings)
        with self.log_path.open("ab") as output:
            return subprocess.Popen(command, env=environment, stdout=output, stderr=output)

    def _kill(self, scorer: subprocess.Popen[bytes] | None) -> None:
        if scorer is not None and scorer.poll() is None:
            scorer.send_signal(signal.SIGKILL)
            scorer.wait()

    def _drain(self) -> None:
        """The last run to the end of the log; the receiver may refuse a few times more."""
        for _ in range(3):
            last = self._run(["score", "--quiet", "--drain"])
            if last.wait(RECOVER_S):
                raise VigilError(f"draining failed, see {self.log_path}")


def summary(campaign: Campaign, verdict: Verdict) -> dict[str, Any]:
    """The run as nested dictionaries, ready for JSON."""
    times = {
        strike: {
            "times": len(seconds),
            "median_s": round(float(np.median(seconds)), 2),
            "longest_s": round(max(seconds), 2),
        }
        for strike, seconds in sorted(campaign.recoveries.items())
    }
    return {
        "stack": campaign.stack.name,
        "seed": campaign.plan.seed,
        "started_in_s": {k: round(v, 2) for k, v in campaign.stack.started_in_s.items()},
        "strikes": times,
        "longest_recovery_s": max((item["longest_s"] for item in times.values()), default=0.0),
        "verdict": {name: getattr(verdict, name) for name in verdict.__slots__},
        "holds": verdict.holds,
    }

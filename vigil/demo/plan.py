"""What the demo runs: which estate, for how long, with which faults."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from vigil.config import Settings
from vigil.simulate import SimulationPlan, plan_faults

# A Monday. The past is fixed, so that two runs of the demo show the same.
START_AT = datetime(2026, 3, 2, tzinfo=UTC)
HISTORY_H = 60
LIVE_H = 12
TRACES_PER_S = 2.5
FAULTS = 8
SEED = 7
# Three days in minutes: a window of the default 10 s would hold two or three requests a route.
WINDOW_S = 60


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Quiet history to learn from, then a live part with every kind of fault."""

    settings: Settings
    simulation: SimulationPlan = field(init=False)
    live_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        live_at = START_AT + timedelta(hours=HISTORY_H)
        end_at = live_at + timedelta(hours=LIVE_H)
        # The first and last hour stay quiet, so that each fault has a before and an after.
        hour = timedelta(hours=1)
        faults = plan_faults(SEED, live_at + hour, end_at - hour, FAULTS)
        simulation = SimulationPlan(
            start_at=START_AT,
            duration_s=(HISTORY_H + LIVE_H) * 3600,
            traces_per_s=TRACES_PER_S,
            seed=SEED,
            faults=tuple(faults),
        )
        object.__setattr__(self, "live_at", live_at)
        object.__setattr__(self, "simulation", simulation)

    @property
    def end_at(self) -> datetime:
        """End of the simulated time."""
        return self.simulation.start_at + timedelta(seconds=self.simulation.duration_s)

    @property
    def labels_path(self) -> Path:
        """The truth about the injected faults."""
        return self.settings.home / "faults.json"

    @property
    def report_path(self) -> Path:
        """The report for a browser."""
        return self.settings.home.parent / "demo-report.html"


class Progressed:
    """Which steps are behind us, on disk: an interrupted demo goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.done: list[str] = []
        if path.is_file():
            self.done = orjson.loads(path.read_bytes())

    def __contains__(self, step: str) -> bool:
        return step in self.done

    def add(self, step: str) -> None:
        """Note a finished step."""
        self.done.append(step)
        self._path.write_bytes(orjson.dumps(self.done))

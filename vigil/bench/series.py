"""`vigil bench series`: detectors on labelled production series, judged as a stream would be.

The first quarter of each series is warm-up. VUS-PR is averaged over series with an anomaly; alerts
are pooled over all; false alarms are counted on the series without any anomaly.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from vigil.bench.measures import AlertCounts, count_alerts, vus_pr
from vigil.bench.peers import PEERS
from vigil.collect.series_csv import read_series
from vigil.errors import InputError

WARM_UP = 0.25


@dataclass(slots=True)
class SeriesResult:
    """One detector on one family of series, or on all of them."""

    detector: str
    family: str
    vus: list[float] = field(default_factory=list)
    alerts: AlertCounts = field(default_factory=AlertCounts)
    points: int = 0
    seconds: float = 0.0

    def summary(self) -> dict[str, object]:
        """Figures by name, ready for JSON."""
        return {
            "detector": self.detector,
            "family": self.family,
            "vus_pr": round(float(np.mean(self.vus)), 4) if self.vus else None,
            "segment_recall": round(self.alerts.recall, 3),
            "alert_precision": round(self.alerts.precision, 3),
            "f1": round(self.alerts.f1, 3),
            "clean_false_alarms_per_1000": round(self.alerts.clean_alerts_per_1000, 2),
            "alerts": self.alerts.alerts,
            "segments": self.alerts.segments,
            "points_per_s": round(self.points / self.seconds) if self.seconds else None,
        }


def bench_series(
    folder: Path, detectors: Sequence[str], tick: Callable[[], None] = lambda: None
) -> list[SeriesResult]:
    """Run the named detectors over `folder/<family>/*.csv` (timestamp, value, label).

    `tick` is called after each file and detector. Raises InputError where there are no files.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise InputError(f"no csv files below {folder}")
    results: dict[tuple[str, str], SeriesResult] = {}
    for path in files:
        series = read_series(path)
        labels = pd.read_csv(path).iloc[:, 2].astype(int).to_numpy().astype(bool)
        start = len(labels) // 4
        for name in detectors:
            began = time.perf_counter()
            score, flags = PEERS[name](series.time_s, series.value)
            seconds = time.perf_counter() - began
            judged = count_alerts(labels[start:], flags[start:])
            volume = [vus_pr(labels[start:], score[start:])] if labels[start:].any() else []
            for family in (path.parent.name, "all"):
                result = results.setdefault((name, family), SeriesResult(name, family))
                result.vus += volume
                result.alerts += judged
                result.points += len(labels)
                result.seconds += seconds
            tick()
    return list(results.values())


def count_files(folder: Path) -> int:
    """Number of series, for a progress bar."""
    return sum(1 for _ in folder.rglob("*.csv"))

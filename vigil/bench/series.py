"""`vigil bench series`: detectors on labelled production series, judged as a stream would be.

The first quarter of each series is warm-up. VUS-PR is averaged over series with an anomaly; alerts
are pooled over all; false alarms are counted on the series without any anomaly.
"""

import itertools
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

    def add(
        self, item: "LabelledSeries", score: np.ndarray, flags: np.ndarray, seconds: float
    ) -> None:
        """Judge what the detector said about a series, both (n,), after the warm-up."""
        labels = item.labels[item.start :]
        if labels.any():
            self.vus.append(vus_pr(labels, score[item.start :]))
        self.alerts += count_alerts(labels, flags[item.start :])
        self.points += len(item.labels)
        self.seconds += seconds

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


@dataclass(frozen=True, slots=True)
class LabelledSeries:
    """One series in the order of its file; judged from row `start` on."""

    family: str
    name: str
    time_s: np.ndarray
    value: np.ndarray
    labels: np.ndarray

    @property
    def start(self) -> int:
        """First row after the warm-up."""
        return int(len(self.labels) * WARM_UP)


def read_families(folder: Path) -> dict[str, list[LabelledSeries]]:
    """`folder/<family>/*.csv` (timestamp, value, label) by family.

    Raises InputError where there are no files.
    """
    families: dict[str, list[LabelledSeries]] = {}
    for path in sorted(folder.rglob("*.csv")):
        series = read_series(path)
        labels = pd.read_csv(path).iloc[:, 2].astype(int).to_numpy().astype(bool)
        item = LabelledSeries(path.parent.name, path.stem, series.time_s, series.value, labels)
        families.setdefault(item.family, []).append(item)
    if not families:
        raise InputError(f"no csv files below {folder}")
    return families


def bench_series(
    folder: Path, detectors: Sequence[str], tick: Callable[[], None] = lambda: None
) -> list[SeriesResult]:
    """Run the named detectors over the series of `read_families`.

    `tick` is called after each file and detector. Raises InputError where there are no files.
    """
    results: dict[tuple[str, str], SeriesResult] = {}
    for family, items in read_families(folder).items():
        for item, name in itertools.product(items, detectors):
            began = time.perf_counter()
            score, flags = PEERS[name](item.time_s, item.value)
            seconds = time.perf_counter() - began
            for group in (family, "all"):
                result = results.setdefault((name, group), SeriesResult(name, group))
                result.add(item, score, flags, seconds)
            tick()
    return list(results.values())


def count_files(folder: Path) -> int:
    """Number of series, for a progress bar."""
    return sum(1 for _ in folder.rglob("*.csv"))

"""Do the default thresholds carry over: choose them on all families but one, judge on that one.

What is chosen is the setting with the highest F1 among those with few false alarms on the clean
series of the other families; the family kept aside never has a say in how it is judged. How far a
figure would move with other series of these families is estimated by drawing them anew.

Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993 (percentile intervals).
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vigil.bench.measures import AlertCounts, count_alerts
from vigil.bench.series import LabelledSeries, read_families
from vigil.detect import DetectorSettings
from vigil.detect.series import detect_series

CLEAN_LIMIT_PER_1000 = 0.2
DRAWS = 2_000
SPREAD = 0.05, 0.95
GRID: Mapping[str, Sequence[float]] = {
    "least_evidence": (5.0, 6.0, 8.0),
    "least_single": (5.0, 6.0, 8.0),
    "alert_rate": (0.005, 0.01, 0.03),
}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One family judged by settings chosen elsewhere, beside the defaults; a count a series."""

    family: str
    chosen: DetectorSettings
    series: Sequence[AlertCounts]
    default_series: Sequence[AlertCounts]

    @property
    def counts(self) -> AlertCounts:
        """All series of the family, by the chosen settings."""
        return sum_counts(self.series)

    def summary(self) -> dict[str, object]:
        """Figures by name, ready for JSON."""
        return {
            "family": self.family,
            **{name: getattr(self.chosen, name) for name in GRID},
            "f1": round(self.counts.f1, 3),
            "f1_spread": f1_spread(self.series),
            "segment_recall": round(self.counts.recall, 3),
            "alert_precision": round(self.counts.precision, 3),
            "clean_false_alarms_per_1000": round(self.counts.clean_alerts_per_1000, 2),
            "default_f1": round(sum_counts(self.default_series).f1, 3),
            "default_f1_spread": f1_spread(self.default_series),
        }


def settings_grid() -> list[DetectorSettings]:
    """The settings that compete; the defaults are among them."""
    return [
        dataclasses.replace(
            DetectorSettings(),
            least_evidence=least_evidence, least_single=least_single, alert_rate=alert_rate,
        )
        for least_evidence, least_single, alert_rate in itertools.product(*GRID.values())
    ]  # fmt: skip


def cross_validate(
    folder: Path, tick: Callable[[], None] = lambda: None
) -> tuple[list[HeldOut], HeldOut]:
    """(each family held out in turn, all of them pooled); `tick` after each setting.

    Raises InputError where there are no files.
    """
    families = read_families(folder)
    grid = settings_grid()
    judged: list[dict[str, list[AlertCounts]]] = []
    for settings in grid:
        judged.append({name: _judge(items, settings) for name, items in families.items()})
        tick()
    default = grid.index(DetectorSettings())
    rows = []
    for family in families:
        others = [name for name in families if name != family]
        seen = [[count for name in others for count in row[name]] for row in judged]
        best = choose([sum_counts(counts) for counts in seen])
        rows.append(HeldOut(family, grid[best], judged[best][family], judged[default][family]))
    pooled = HeldOut(
        "all, held out", DetectorSettings(),
        [count for row in rows for count in row.series],
        [count for row in rows for count in row.default_series],
    )  # fmt: skip
    return rows, pooled


def choose(counts: Sequence[AlertCounts]) -> int:
    """Number of the setting with the best F1 among those quiet enough on clean series.

    Where none is quiet enough, the quietest.
    """
    quiet = [
        number
        for number, item in enumerate(counts)
        if item.clean_alerts_per_1000 <= CLEAN_LIMIT_PER_1000
    ]
    if not quiet:
        return int(np.argmin([item.clean_alerts_per_1000 for item in counts]))
    return max(quiet, key=lambda number: counts[number].f1)


def f1_spread(series: Sequence[AlertCounts]) -> list[float]:
    """F1 that one in twenty draws of as many series stays below, and that one in twenty exceeds."""
    rng = np.random.default_rng(0)
    columns = np.array([[c.segments, c.segments_found, c.alerts, c.alerts_right] for c in series])
    drawn = columns[rng.integers(len(series), size=(DRAWS, len(series)))].sum(axis=1)
    segments, found, alerts, right = drawn.T
    recall, precision = found / np.maximum(segments, 1), right / np.maximum(alerts, 1)
    f1 = 2 * recall * precision / np.maximum(recall + precision, 1e-12)
    return [round(float(bound), 3) for bound in np.quantile(f1, SPREAD)]


def sum_counts(counts: Iterable[AlertCounts]) -> AlertCounts:
    """All counts added up."""
    return sum(counts, AlertCounts())


def _judge(items: Sequence[LabelledSeries], settings: DetectorSettings) -> list[AlertCounts]:
    return [
        count_alerts(
            item.labels[item.start :],
            detect_series(item.time_s, item.value, settings).flagged[item.start :],
        )
        for item in items
    ]

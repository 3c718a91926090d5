"""Do the default thresholds carry over: choose them on all families but one, judge on that one.

What is chosen is the setting with the highest F1 among those with few false alarms on the clean
series of the other families; the family kept aside never has a say in how it is judged.
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
GRID: Mapping[str, Sequence[float]] = {
    "least_evidence": (5.0, 6.0, 8.0),
    "least_single": (5.0, 6.0, 8.0),
    "alert_rate": (0.005, 0.01, 0.03),
}


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One family judged by settings chosen elsewhere, beside the defaults."""

    family: str
    chosen: DetectorSettings
    counts: AlertCounts
    default_counts: AlertCounts

    def summary(self) -> dict[str, object]:
        """Figures by name, ready for JSON."""
        return {
            "family": self.family,
            **{name: getattr(self.chosen, name) for name in GRID},
            "f1": round(self.counts.f1, 3),
            "segment_recall": round(self.counts.recall, 3),
            "alert_precision": round(self.counts.precision, 3),
            "clean_false_alarms_per_1000": round(self.counts.clean_alerts_per_1000, 2),
            "default_f1": round(self.default_counts.f1, 3),
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
    judged: list[dict[str, AlertCounts]] = []
    for settings in grid:
        judged.append({name: _judge(items, settings) for name, items in families.items()})
        tick()
    default = grid.index(DetectorSettings())
    rows = []
    for family in families:
        others = [name for name in families if name != family]
        best = choose([sum_counts(row[name] for name in others) for row in judged])
        rows.append(HeldOut(family, grid[best], judged[best][family], judged[default][family]))
    pooled = HeldOut(
        "all, held out", DetectorSettings(),
        sum_counts(row.counts for row in rows), sum_counts(row.default_counts for row in rows),
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


def sum_counts(counts: Iterable[AlertCounts]) -> AlertCounts:
    """All counts added up."""
    return sum(counts, AlertCounts())


def _judge(items: Sequence[LabelledSeries], settings: DetectorSettings) -> AlertCounts:
    return sum_counts(
        count_alerts(
            item.labels[item.start :],
            detect_series(item.time_s, item.value, settings).flagged[item.start :],
        )
        for item in items
    )

"""What an operator says about a window, and what the detector makes of it.

- false: deviations of this size are tolerated from now on, in this series,
- true: they never are, whatever is called false later,
- expected: a confirmed change, such as a deploy: the series is learnt afresh.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from vigil.detect import kernel
from vigil.detect.online import MetricKind, OnlineDetector


class Verdict(StrEnum):
    """What an alert was worth."""

    TRUE = "true"
    FALSE = "false"
    EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Label:
    """One verdict on one window; `deviation` as `deviation_of` gives it. Ids grow with time."""

    label_id: int
    series_id: int
    verdict: Verdict
    deviation: float


def deviation_of(kind: MetricKind, actual: float, expected: float, upper: float) -> float:
    """Robust standard deviations between a value and what was expected, >= 0, 60 at most.

    The band's upper edge lies three of them above, on the scale where noise has one size.
    """
    center = kernel.stable(kind, expected)
    scale = (kernel.stable(kind, upper) - center) / 3
    away = abs(kernel.stable(kind, actual) - center)
    return min(away / scale, 60.0) if scale > 0 and math.isfinite(away) else 60.0


def learn_labels(detector: OnlineDetector, labels: Sequence[Label]) -> None:
    """Tell the detector, oldest first."""
    for label in labels:
        if label.verdict is Verdict.TRUE:
            detector.confirm(label.series_id, label.deviation)
        elif label.verdict is Verdict.FALSE:
            detector.tolerate(label.series_id, label.deviation)
        else:
            detector.forget(label.series_id)

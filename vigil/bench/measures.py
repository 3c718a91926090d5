"""How good scores and flags are against labelled segments."""

from dataclasses import dataclass

import numpy as np

THRESHOLDS = 100
BUFFER_STEPS = 10


def segments(mask: np.ndarray) -> np.ndarray:
    """Maximal runs of True as (first, one past the last), int64 (k, 2).

    >>> segments(np.array([0, 1, 1, 0, 1], bool)).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def vus_pr(
    labels: np.ndarray,
    scores: np.ndarray,
    buffer_steps: int = BUFFER_STEPS,
    thresholds: int = THRESHOLDS,
) -> float:
    """Volume under the surface of range-aware precision and recall, 0 to 1.

    labels: bool (n,), at least one True. scores: float (n,), higher is stranger. The surface spans
    all buffer lengths up to `buffer_steps` around the segments; one value per buffer costs O(n).

    Source: Paparrizos et al., "Volume under the surface", PVLDB 15(11), 2022; the quantiles of
    thresholds and the treatment of overlapping buffers follow its reference implementation.
    """
    truth = segments(labels)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    picks = np.linspace(0, len(scores) - 1, thresholds).astype(int)
    predicted = np.searchsorted(-ranked, -ranked[picks], side="right")
    inside = labels.astype(float)
    hits = np.concatenate(([0.0], np.cumsum(inside[order])))[predicted]
    areas = []
    for buffer in range(buffer_steps + 1):
        soft = _soften(inside, truth, buffer)
        found = np.concatenate(([0.0], np.cumsum(soft[order])))[predicted]
        strongest = [scores[a:b].max() for a, b in _widen(truth, buffer, len(scores))]
        existence = (np.array(strongest)[:, None] >= ranked[picks]).mean(axis=0)
        positives = (2 * inside.sum() + found - hits) / 2
        recall = np.minimum(found / positives, 1) * existence
        areas.append(float(np.diff(recall, prepend=0.0) @ (found / predicted)))
    return float(np.mean(areas))


def _soften(inside: np.ndarray, truth: np.ndarray, buffer: int) -> np.ndarray:
    """Labels with slopes of half the buffer before and after each segment."""
    soft = inside.copy()
    reach = buffer // 2
    for first, after in truth:
        right = np.arange(after, min(after + reach, len(soft)))
        soft[right] += np.sqrt(1 - (right - after + 1) / buffer) if reach else 0
        left = np.arange(max(first - reach, 0), first)
        soft[left] += np.sqrt(1 - (first - left) / buffer) if reach else 0
    return np.minimum(soft, 1)


def _widen(truth: np.ndarray, buffer: int, length: int) -> list[tuple[int, int]]:
    """Segments with half a buffer on both sides; those that then touch are one."""
    reach = buffer // 2
    merged: list[tuple[int, int]] = []
    for first, after in truth:
        a, b = int(first) - reach, int(after) + reach
        if merged and a < merged[-1][1]:
            merged[-1] = (merged[-1][0], b)
        else:
            merged.append((max(a, 0) if not merged else a, b))
    merged[-1] = (merged[-1][0], min(merged[-1][1], length))
    return merged


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """Segments and alerts of one or many series; they add up."""

    segments: int = 0
    segments_found: int = 0
    alerts: int = 0
    alerts_right: int = 0
    clean_points: int = 0
    clean_alerts: int = 0

    def __add__(self, other: "AlertCounts") -> "AlertCounts":
        return AlertCounts(
            self.segments + other.segments,
            self.segments_found + other.segments_found,
            self.alerts + other.alerts,
            self.alerts_right + other.alerts_right,
            self.clean_points + other.clean_points,
            self.clean_alerts + other.clean_alerts,
        )

    @property
    def recall(self) -> float:
        """Share of the segments that an alert touched."""
        return self.segments_found / max(1, self.segments)

    @property
    def precision(self) -> float:
        """Share of the alerts that touched a segment."""
        return self.alerts_right / max(1, self.alerts)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def clean_alerts_per_1000(self) -> float:
        """False alarms per 1,000 points of series without any anomaly."""
        return 1000 * self.clean_alerts / max(1, self.clean_points)


def count_alerts(labels: np.ndarray, flags: np.ndarray) -> AlertCounts:
    """An alert is a run of flags; it is right when it touches a segment widened by one step."""
    truth, alerts = segments(labels), segments(flags)
    if not len(truth):
        return AlertCounts(clean_points=len(labels), clean_alerts=len(alerts))
    wide = np.zeros(len(labels), bool)
    for first, after in truth:
        wide[max(0, first - 1) : after + 1] = True
    return AlertCounts(
        segments=len(truth),
        segments_found=sum(bool(flags[max(0, a - 1) : b + 1].any()) for a, b in truth),
        alerts=len(alerts),
        alerts_right=sum(bool(wide[a:b].any()) for a, b in alerts),
    )

"""Online detection of many series side by side: observations in, calibrated decisions out."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from vigil.detect import kernel


class MetricKind(IntEnum):
    """What a value measures; it sets the direction and the noise that are believed."""

    GENERIC = kernel.GENERIC
    RATE = kernel.RATE
    RATIO = kernel.RATIO
    LATENCY = kernel.LATENCY


@dataclass(frozen=True, slots=True)
class Observations:
    """Columns of equal length n; `time_s` does not decrease within a series.

    series_id int64; time_s float64, epoch seconds; value float64, NaN where nothing was measured;
    weight float64 >= 0, the requests behind the value (1 for plain metrics); kind int8.
    """

    series_id: np.ndarray
    time_s: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True, slots=True)
class Prior:
    """What a promoted model expects: value and robust standard deviation, NaN where unknown."""

    expected: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True, slots=True)
class Decisions:
    """One row an observation. p in (0, 1]; score = 1 - p, finite; `rank` is the evidence behind
    it, >= 0, which does not saturate and orders points of one series; `gate` holds kernel.GATE_
    bits; warming_up is the share of the warm-up done, 0 to 1.
    """

    expected: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p: np.ndarray
    score: np.ndarray
    rank: np.ndarray
    flagged: np.ndarray
    gate: np.ndarray
    warming_up: np.ndarray


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """One default for everything.

    alert_rate: share of clean points that may be flagged. least_evidence: robust standard
    deviations that evidence must reach as well, whatever its p. Both exist again for request
    metrics, whose noise is known better and whose tails are lighter. memory_steps: how many steps
    the level remembers at most. level_share: weight of the distance from the level, against that
    from the expected value, for request metrics (one half for others). alert_doubt: how fast
    the calibration learns from what is being alerted on, relative to its usual pace.
    """

    alert_rate: float = 5e-3
    least_evidence: float = 6.0
    warm_up_steps: int = 30
    relative_noise: float = 0.02
    relative_change: float = 0.1
    tail_share: float = 0.05
    tail_shape: float = 0.25
    memory_steps: int = 3_000
    profile_rate: float = 0.2
    level_share: float = 0.0
    request_tail_shape: float = 0.05
    least_request_evidence: float = 3.5
    request_alert_rate: float = 1e-3
    alert_doubt: float = 0.2
    request_alert_doubt: float = 0.02

    def array(self) -> np.ndarray:
        """In the order in which the kernel reads them."""
        return np.array(
            [
                self.warm_up_steps,
                self.relative_noise,
                self.tail_share,
                self.tail_shape,
                self.alert_rate,
                self.least_evidence,
                self.relative_change,
                1 / self.memory_steps,
                self.profile_rate,
                self.level_share,
                self.request_tail_shape,
                self.least_request_evidence,
                self.request_alert_rate,
                self.alert_doubt,
                self.request_alert_doubt,
            ]
        )


class OnlineDetector:
    """Scores each observation from earlier ones of its series only; state in arrays by slot.

    Batch and online are one: any cut of the input, with or without a restart in between, gives
    the same decisions. Needs about 1 KB a series; useful after `warm_up_steps` values, seasonal
    after a day. Evidence is the geometric mean of the distances from the level and from the
    expected value (the promoted model's, else the day's profile), smoothed over two or three
    steps: a value must be unusual both for the series and for its time, and last.
    """

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self._slots: dict[int, int] = {}
        self._allocate(0)

    def _allocate(self, capacity: int) -> None:
        self._state = np.zeros((capacity, kernel.STATE_COLUMNS))
        self._state[:, kernel.TAIL_AT] = 2.0
        self._state[:, kernel.TAIL_MEAN] = 0.7
        self._first = np.zeros((capacity, kernel.FIRST), np.float64)
        self._profile = np.zeros((capacity, kernel.BINS), np.float32)
        self._seen = np.zeros((capacity, kernel.BINS), np.uint8)

    def _slots_of(self, series_id: np.ndarray) -> np.ndarray:
        """Slot of each series; new ones get the next."""
        distinct, inverse = np.unique(series_id, return_inverse=True)
        for number in distinct.tolist():
            self._slots.setdefault(number, len(self._slots))
        if len(self._slots) > len(self._state):
            self._grow(max(64, 2 * len(self._state), len(self._slots)))
        slots = np.array([self._slots[number] for number in distinct.tolist()], np.int64)
        return slots[inverse]

    def _grow(self, capacity: int) -> None:
        before = self._arrays()
        self._allocate(capacity)
        for old, new in zip(before, self._arrays(), strict=True):
            new[: len(old)] = old

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self._state, self._first, self._profile, self._seen

    def update(self, observations: Observations, prior: Prior | None = None) -> Decisions:
        """Decide on each observation, then learn from it."""
        slots = self._slots_of(observations.series_id)
        return self._run(observations, prior, slots, *self._arrays())

    def reassess(self, observations: Observations, expected: np.ndarray) -> Decisions:
        """Decide on corrected values of the past against what was expected then; learns nothing.

        `expected`: float64 (n,), NaN where nothing was; the present calibration is used.
        """
        slots = self._slots_of(observations.series_id)
        rows = np.arange(len(slots))
        spread = np.zeros(len(slots))
        copies = (array[slots] for array in self._arrays())
        return self._run(observations, Prior(expected, spread), rows, *copies)

    def _run(
        self, observations: Observations, prior: Prior | None, slots: np.ndarray, *state: np.ndarray
    ) -> Decisions:
        n = len(slots)
        unknown = np.full(n, np.nan)
        prior = prior or Prior(unknown, unknown)
        expected, lower, upper = np.empty(n), np.empty(n), np.empty(n)
        p, evidence, warming_up = np.empty(n), np.empty(n), np.empty(n)
        gate, flagged = np.empty(n, np.uint8), np.empty(n, bool)
        advance: Callable[..., None] = kernel.run
        advance(
            slots, observations.time_s.astype(float), observations.value.astype(float),
            observations.weight.astype(float), observations.kind.astype(np.int8),
            prior.expected.astype(float), prior.spread.astype(float), self.settings.array(), *state,
            expected, lower, upper, p, evidence, gate, flagged, warming_up,
        )  # fmt: skip
        return Decisions(expected, lower, upper, p, 1 - p, evidence, flagged, gate, warming_up)

    def state(self) -> dict[str, np.ndarray]:
        """For a checkpoint: arrays only."""
        used = len(self._slots)
        return {
            "series_id": np.fromiter(self._slots, np.int64, used),
            "state": self._state[:used].copy(),
            "first": self._first[:used].copy(),
            "profile": self._profile[:used].copy(),
            "seen": self._seen[:used].copy(),
        }

    @classmethod
    def restore(cls, settings: DetectorSettings, state: dict[str, np.ndarray]) -> "OnlineDetector":
        """A detector that goes on from `state()`."""
        detector = cls(settings)
        detector._slots = {int(number): slot for slot, number in enumerate(state["series_id"])}
        detector._state = state["state"].copy()
        detector._first = state["first"].copy()
        detector._profile = state["profile"].copy()
        detector._seen = state["seen"].copy()
        return detector

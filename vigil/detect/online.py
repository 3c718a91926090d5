"""Online detection of many series side by side: observations in, calibrated decisions out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from vigil.detect import calibration, kernel, novelty, shape
from vigil.detect.rules import DEFAULT_RULES, GateRules, rules_array


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
    """One row an observation. p in (0, 1], of the evidence; score in [0, 1) is the value as news,
    see `vigil.detect.novelty`; `rank` is the evidence, >= 0, in robust standard deviations;
    `gate` holds kernel.GATE_ bits; warming_up is the share of the warm-up done, 0 to 1.
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
    deviations that evidence must reach as well, whatever its p; or least_single by one value
    alone, both for the series and for its time. An alert is over after hold_steps usual values.
    Rate and evidence exist again for request metrics, whose noise is known better. memory_steps:
    how many steps the level remembers at most. level_share: weight of the distance from the
    level, against that from the expected value, for request metrics (one
    half for others). alert_doubt: how fast the calibration learns from what is being alerted on,
    relative to its usual pace. rules: the gates of each group of series, see `GateRules`.
    """

    alert_rate: float = 0.01
    least_evidence: float = 6.0
    least_single: float = 6.0
    hold_steps: int = 3
    warm_up_steps: int = 30
    relative_noise: float = 0.02
    memory_steps: int = 3_000
    profile_rate: float = 0.2
    level_share: float = 0.0
    least_request_evidence: float = 3.5
    request_alert_rate: float = 1e-3
    alert_doubt: float = 0.1
    request_alert_doubt: float = 0.02
    rules: Mapping[str, GateRules] = field(default_factory=lambda: DEFAULT_RULES)

    def constants(self) -> kernel.Constants:
        """As the kernel reads them."""
        shared = {name: float(getattr(self, name, 0)) for name in kernel.Constants._fields}
        return kernel.Constants(**shared | {"memory_rate": 1 / self.memory_steps})


class OnlineDetector:
    """Scores each observation from earlier ones of its series only; state in arrays by slot.

    Batch and online are one: any cut of the input, with or without a restart in between, gives
    the same decisions. Needs about 1 KB a series, 9 KB for a metric of unknown kind; useful after
    `warm_up_steps` values, seasonal after a day. Evidence is the geometric mean of the distances
    from the level and from the expected value (the promoted model's, else the day's profile),
    smoothed over two or three steps: a value must be unusual both for the series and for its
    time, and last. One value alone is enough where it is very unusual for both.
    """

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        self._slots: dict[int, int] = {}
        self._allocate(0)
        self._shape_slots: dict[int, int] = {}
        self._shapes = np.zeros((0, shape.STATE_COLUMNS))
        self._past = np.zeros((0, shape.CAPACITY), np.float32)

    def _allocate(self, capacity: int) -> None:
        self._state = np.zeros((capacity, kernel.STATE_COLUMNS))
        self._state[:, kernel.QUANTILES :] = calibration.START
        self._first = np.zeros((capacity, kernel.FIRST), np.float64)
        self._profile = np.zeros((capacity, kernel.BINS), np.float32)
        self._seen = np.zeros((capacity, kernel.BINS), np.uint8)
        self._views = np.zeros((capacity, novelty.STATE_COLUMNS))

    def _slots_of(self, series_id: np.ndarray) -> np.ndarray:
        """Slot of each series; new ones get the next."""
        slots = _look_up(self._slots, series_id)
        if len(self._slots) > len(self._state):
            before = self._arrays()
            self._allocate(_capacity(len(self._state), len(self._slots)))
            for old, new in zip(before, self._arrays(), strict=True):
                new[: len(old)] = old
        return slots

    def _shape_slots_of(self, observations: Observations) -> np.ndarray:
        """Row in the arrays of shapes, -1 for request metrics: they need no memory of shapes."""
        generic = observations.kind == MetricKind.GENERIC
        rows = np.full(len(generic), -1, np.int64)
        rows[generic] = _look_up(self._shape_slots, observations.series_id[generic])
        used = len(self._shape_slots)
        if used > len(self._past):
            capacity = _capacity(len(self._past), used)
            self._shapes = _grown(self._shapes, capacity)
            self._past = _grown(self._past, capacity)
        return rows

    def _arrays(self) -> tuple[np.ndarray, ...]:
        return self._state, self._first, self._profile, self._seen, self._views

    def update(self, observations: Observations, prior: Prior | None = None) -> Decisions:
        """Decide on each observation, then learn from it."""
        slots, rows = self._slots_of(observations.series_id), self._shape_slots_of(observations)
        return self._run(
            observations, prior, slots, self._arrays(), rows, (self._shapes, self._past)
        )

    def reassess(self, observations: Observations, expected: np.ndarray) -> Decisions:
        """Decide on corrected values of the past against what was expected then; learns nothing.

        `expected`: float64 (n,), NaN where nothing was; the present calibration is used.
        """
        slots, rows = self._slots_of(observations.series_id), self._shape_slots_of(observations)
        each = np.arange(len(slots))
        prior = Prior(expected, np.zeros(len(slots)))
        copies = tuple(array[slots] for array in self._arrays())
        known = np.flatnonzero(rows >= 0)
        shape_copies = (self._shapes[rows[known]], self._past[rows[known]])
        rows[known] = np.arange(len(known))
        return self._run(observations, prior, each, copies, rows, shape_copies)

    def silence(self) -> tuple[np.ndarray, np.ndarray]:
        """(series_id, epoch seconds from which silence is an alarm).

        Of metrics of unknown kind that have warmed up; an observation of NaN after that time is
        flagged. Requests that stop are a rate of zero instead.
        """
        known = [(i, self._slots[i]) for i in self._shape_slots if i in self._slots]
        series_id, slots = np.array(known, np.int64).reshape(-1, 2).T
        state = self._state[slots]
        warm = state[:, kernel.COUNT] >= self.settings.warm_up_steps
        state, series_id = state[warm], series_id[warm]
        usual_s = np.maximum(
            kernel.VANISHED_GAPS * state[:, kernel.GAP_S],
            kernel.VANISHED_STEPS * state[:, kernel.STEP_S],
        )
        return series_id, state[:, kernel.SEEN_S] + usual_s

    def forget(self, series_id: int) -> None:
        """Start the series afresh, as after a confirmed deploy that changed its level for good."""
        if series_id not in self._slots:
            return
        for array in self._arrays():
            array[self._slots[series_id]] = 0
        self._state[self._slots[series_id], kernel.QUANTILES :] = calibration.START
        if series_id in self._shape_slots:
            self._shapes[self._shape_slots[series_id]] = 0

    def tolerate(self, series_id: int, deviation: float) -> None:
        """So many deviations from what is expected were a false alarm: flag them no more.

        With a tenth to spare. A series that is not known is left alone, as for the others.
        """
        self._remember(series_id, kernel.TOLERATED, max, 1.1 * deviation)

    def confirm(self, series_id: int, deviation: float) -> None:
        """So many deviations were a true incident: never let them be tolerated."""
        self._remember(series_id, kernel.CONFIRMED, min, deviation)

    def _remember(
        self, series_id: int, column: int, choose: Callable[..., float], deviation: float
    ) -> None:
        if series_id in self._slots:
            state = self._state[self._slots[series_id]]
            state[column] = choose(state[column], deviation) if state[column] > 0 else deviation

    def _run(
        self,
        observations: Observations,
        prior: Prior | None,
        slots: np.ndarray,
        arrays: tuple[np.ndarray, ...],
        rows: np.ndarray,
        shapes: tuple[np.ndarray, ...],
    ) -> Decisions:
        n = len(slots)
        unknown = np.full(n, np.nan)
        prior = prior or Prior(unknown, unknown)
        value = observations.value.astype(float)
        *state, views = arrays
        expected, lower, upper = np.empty(n), np.empty(n), np.empty(n)
        p, evidence, warming_up = np.empty(n), np.empty(n), np.empty(n)
        gate, flagged = np.empty(n, np.uint8), np.empty(n, bool)
        z_level, z_seasonal, distance, score = (np.empty(n) for _ in range(4))
        advance: Callable[..., None] = kernel.run
        advance(
            slots, observations.time_s.astype(float), value, observations.weight.astype(float),
            observations.kind.astype(np.int8), prior.expected.astype(float),
            prior.spread.astype(float), self.settings.constants(),
            rules_array(self.settings.rules), *state,
            expected, lower, upper, p, evidence, gate, flagged, warming_up, z_level, z_seasonal,
        )  # fmt: skip
        compare: Callable[..., None] = shape.run
        compare(rows, value, *shapes, distance)
        judge: Callable[..., None] = novelty.run
        judge(
            slots, value, flagged, rows >= 0, z_level, z_seasonal, distance, evidence, views, score
        )
        return Decisions(expected, lower, upper, p, score, evidence, flagged, gate, warming_up)

    def state(self) -> dict[str, np.ndarray]:
        """For a checkpoint: arrays only."""
        used, shaped = len(self._slots), len(self._shape_slots)
        names = ("state", "first", "profile", "seen", "views")
        return {
            "series_id": np.fromiter(self._slots, np.int64, used),
            **{n: a[:used].copy() for n, a in zip(names, self._arrays(), strict=True)},
            "shape_series_id": np.fromiter(self._shape_slots, np.int64, shaped),
            "shapes": self._shapes[:shaped].copy(),
            "past": self._past[:shaped].copy(),
        }

    @classmethod
    def restore(
        cls, settings: DetectorSettings, state: Mapping[str, np.ndarray]
    ) -> "OnlineDetector":
        """A detector that goes on from `state()`."""
        detector = cls(settings)
        detector._slots = {int(number): slot for slot, number in enumerate(state["series_id"])}
        detector._state = state["state"].copy()
        detector._first = state["first"].copy()
        detector._profile = state["profile"].copy()
        detector._seen = state["seen"].copy()
        detector._views = state["views"].copy()
        shaped = state["shape_series_id"]
        detector._shape_slots = {int(number): row for row, number in enumerate(shaped)}
        detector._shapes = state["shapes"].copy()
        detector._past = state["past"].copy()
        return detector


def _look_up(slots: dict[int, int], series_id: np.ndarray) -> np.ndarray:
    """Slot of each series; new ones are given the next."""
    distinct, inverse = np.unique(series_id, return_inverse=True)
    found = [slots.setdefault(number, len(slots)) for number in distinct.tolist()]
    return np.array(found, np.int64)[inverse]


def _capacity(present: int, needed: int) -> int:
    return max(64, 2 * present, needed)


def _grown(array: np.ndarray, capacity: int) -> np.ndarray:
    larger = np.zeros((capacity, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger

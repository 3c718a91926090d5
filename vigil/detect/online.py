"""Online detection of many series side by side: observations in, calibrated decisions out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np

from vigil.detect import calibration, counter, kernel, novelty, season, shape, state
from vigil.detect.calendar import DEFAULT_CALENDAR, Calendar
from vigil.detect.rules import DEFAULT_RULES, GateRules, rules_array

Arrays = dict[str, np.ndarray]


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
    calendar int8, 0 for the default and i + 1 for `DetectorSettings.calendars[i]`; None: all 0.
    """

    series_id: np.ndarray
    time_s: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    kind: np.ndarray
    calendar: np.ndarray | None = None


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
    calendars: clock and free days where they are not the default's (UTC, Saturday and Sunday).
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
    calendars: tuple[Calendar, ...] = ()

    def constants(self) -> state.Constants:
        """As the kernel reads them."""
        shared = {name: float(getattr(self, name, 0)) for name in state.Constants._fields}
        return state.Constants(**shared | {"memory_rate": 1 / self.memory_steps})


class OnlineDetector:
    """Scores each observation from earlier ones of its series only; state in arrays by slot.

    Batch and online are one: any cut of the input, with or without a restart in between, gives
    the same decisions. Needs about 2 KB a series, 10 KB for a metric of unknown kind; useful after
    `warm_up_steps` values, seasonal after a day. Evidence is the geometric mean of the distances
    from the level and from the expected value (the promoted model's, else the day's profile),
    smoothed over two or three steps: a value must be unusual both for the series and for its
    time, and last. One value alone is enough where it is very unusual for both.
    """

    def __init__(self, settings: DetectorSettings | None = None) -> None:
        self.settings = settings or DetectorSettings()
        # Every series has a row in the first arrays, a metric of unknown kind in the others too.
        self._slots: dict[int, int] = {}
        self._arrays = _empty_series(0)
        self._generic_slots: dict[int, int] = {}
        # Grows whenever the state may have changed.
        self.updates = 0
        self._generic = _empty_generic(0)

    def _slots_of(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        """Rows of each series in both groups of arrays, -1 where it has none; new ones are made."""
        slots = _look_up(self._slots, observations.series_id)
        self._arrays = _with_room(self._arrays, len(self._slots), _empty_series)
        generic = observations.kind == MetricKind.GENERIC
        rows = np.full(len(generic), -1, np.int64)
        rows[generic] = _look_up(self._generic_slots, observations.series_id[generic])
        self._generic = _with_room(self._generic, len(self._generic_slots), _empty_generic)
        return slots, rows

    def update(self, observations: Observations, prior: Prior | None = None) -> Decisions:
        """Decide on each observation, then learn from it."""
        self.updates += 1
        slots, rows = self._slots_of(observations)
        return self._run(observations, prior, slots, self._arrays, rows, self._generic)

    def reassess(self, observations: Observations, expected: np.ndarray) -> Decisions:
        """Decide on corrected values of the past against what was expected then; learns nothing.

        `expected`: float64 (n,), NaN where nothing was; the present calibration is used.
        """
        self.updates += 1  # a series may be new
        slots, rows = self._slots_of(observations)
        each = np.arange(len(slots))
        prior = Prior(expected, np.zeros(len(slots)))
        copies = {name: array[slots] for name, array in self._arrays.items()}
        known = np.flatnonzero(rows >= 0)
        generic_copies = {name: array[rows[known]] for name, array in self._generic.items()}
        rows[known] = np.arange(len(known))
        return self._run(observations, prior, each, copies, rows, generic_copies)

    def silence(self) -> tuple[np.ndarray, np.ndarray]:
        """(series_id, epoch seconds from which silence is an alarm).

        Of metrics of unknown kind that have warmed up; an observation of NaN after that time is
        flagged. Requests that stop are a rate of zero instead.
        """
        known = [(i, self._slots[i]) for i in self._generic_slots if i in self._slots]
        series_id, slots = np.array(known, np.int64).reshape(-1, 2).T
        series = self._arrays["state"][slots]
        warm = series[:, state.COUNT] >= self.settings.warm_up_steps
        series, series_id = series[warm], series_id[warm]
        usual_s = np.maximum(
            kernel.VANISHED_GAPS * series[:, state.GAP_S],
            kernel.VANISHED_STEPS * series[:, state.STEP_S],
        )
        return series_id, series[:, state.SEEN_S] + usual_s

    def forget(self, series_id: int) -> None:
        """Start the series afresh, as after a confirmed deploy that changed its level for good."""
        self.updates += 1
        if series_id in self._slots:
            _forget(self._arrays, _empty_series, self._slots[series_id])
        if series_id in self._generic_slots:
            _forget(self._generic, _empty_generic, self._generic_slots[series_id])

    def tolerate(self, series_id: int, deviation: float) -> None:
        """So many deviations from what is expected were a false alarm: flag them no more.

        With a tenth to spare. A series that is not known is left alone, as for the others.
        """
        self._remember(series_id, state.TOLERATED, max, 1.1 * deviation)

    def confirm(self, series_id: int, deviation: float) -> None:
        """So many deviations were a true incident: never let them be tolerated."""
        self._remember(series_id, state.CONFIRMED, min, deviation)

    def _remember(
        self, series_id: int, column: int, choose: Callable[..., float], deviation: float
    ) -> None:
        if series_id in self._slots:
            self.updates += 1
            series = self._arrays["state"][self._slots[series_id]]
            series[column] = choose(series[column], deviation) if series[column] > 0 else deviation

    def _run(
        self,
        observations: Observations,
        prior: Prior | None,
        slots: np.ndarray,
        arrays: Arrays,
        rows: np.ndarray,
        generic: Arrays,
    ) -> Decisions:
        n = len(slots)
        unknown = np.full(n, np.nan)
        prior = prior or Prior(unknown, unknown)
        time_s, weight = observations.time_s.astype(float), observations.weight.astype(float)
        local_s, free = self._local(observations)
        by_day = {
            name: arrays[name].reshape(len(arrays[name]), season.KINDS_OF_DAY, season.BINS)
            for name in ("profile", "seen")
        }
        value, base, span_s = np.empty(n), np.empty(n), np.empty(n)
        expected, lower, upper = np.empty(n), np.empty(n), np.empty(n)
        p, evidence, warming_up = np.empty(n), np.empty(n), np.empty(n)
        gate, flagged, restarted = np.empty(n, np.uint8), np.empty(n, bool), np.empty(n, bool)
        z_level, z_seasonal, distance, score = (np.empty(n) for _ in range(4))
        passes: list[Callable[..., None]] = [counter.run, kernel.run, shape.run, novelty.run]
        count, advance, compare, judge = passes
        count(
            rows, time_s, observations.value.astype(float), generic["counters"],
            value, base, span_s, restarted,
        )  # fmt: skip
        advance(
            slots, time_s, local_s, free, value, weight, observations.kind.astype(np.int8),
            prior.expected.astype(float), prior.spread.astype(float), self.settings.constants(),
            rules_array(self.settings.rules), restarted,
            arrays["state"], arrays["first"], by_day["profile"], by_day["seen"],
            expected, lower, upper, p, evidence, gate, flagged, warming_up, z_level, z_seasonal,
        )  # fmt: skip
        compare(rows, value, restarted, generic["shapes"], generic["past"], distance)
        judge(
            slots, value, flagged, rows >= 0, restarted, z_level, z_seasonal, distance, evidence,
            arrays["views"], score,
        )  # fmt: skip
        expected, lower, upper = (base + span_s * judged for judged in (expected, lower, upper))
        return Decisions(expected, lower, upper, p, score, evidence, flagged, gate, warming_up)

    def _local(self, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
        """(seconds of the series' own clock, is it a free day) of each observation."""
        local_s = observations.time_s.astype(float)
        calendars = (DEFAULT_CALENDAR, *self.settings.calendars)
        if observations.calendar is None:
            return local_s, DEFAULT_CALENDAR.free(local_s)
        free = np.zeros(len(local_s), bool)
        for number in np.unique(observations.calendar):
            mine = observations.calendar == number
            local_s[mine] = calendars[number].local(local_s[mine])
            free[mine] = calendars[number].free(local_s[mine])
        return local_s, free

    def state(self) -> dict[str, np.ndarray]:
        """For a checkpoint: arrays only, the live ones. Copy what is to stay as it is."""
        used, generic = len(self._slots), len(self._generic_slots)
        return {
            "series_id": np.fromiter(self._slots, np.int64, used),
            **{name: array[:used] for name, array in self._arrays.items()},
            "generic_series_id": np.fromiter(self._generic_slots, np.int64, generic),
            **{name: array[:generic] for name, array in self._generic.items()},
        }

    @classmethod
    def restore(
        cls, settings: DetectorSettings, state: Mapping[str, np.ndarray]
    ) -> "OnlineDetector":
        """A detector that goes on from `state()`.

        What an older version kept in another layout is forgotten: those series warm up again.
        """
        detector = cls(settings)
        layout = {name: array.shape[1:] for name, array in detector.state().items()}
        if {name: array.shape[1:] for name, array in state.items()} != layout:
            return detector
        for ids, slots, arrays in (
            ("series_id", detector._slots, detector._arrays),
            ("generic_series_id", detector._generic_slots, detector._generic),
        ):
            slots.update({int(number): slot for slot, number in enumerate(state[ids])})
            arrays.update({name: state[name].copy() for name in arrays})
        return detector


def _empty_series(capacity: int) -> Arrays:
    series = np.zeros((capacity, state.STATE_COLUMNS))
    series[:, state.CALM : state.QUANTILES] = series[:, state.QUANTILES :] = calibration.START
    return {
        "state": series,
        "first": np.zeros((capacity, kernel.FIRST)),
        # Flat, so that a checkpoint writes only the columns of the present time of day.
        "profile": np.zeros((capacity, season.KINDS_OF_DAY * season.BINS), np.float32),
        "seen": np.zeros((capacity, season.KINDS_OF_DAY * season.BINS), np.uint8),
        "views": np.zeros((capacity, novelty.STATE_COLUMNS)),
    }


def _empty_generic(capacity: int) -> Arrays:
    return {
        "counters": np.zeros((capacity, counter.STATE_COLUMNS)),
        "shapes": np.zeros((capacity, shape.STATE_COLUMNS)),
        "past": np.zeros((capacity, shape.CAPACITY), np.float32),
    }


def _with_room(arrays: Arrays, needed: int, empty: Callable[[int], Arrays]) -> Arrays:
    """The arrays, or larger ones with the same rows in front."""
    present = len(next(iter(arrays.values())))
    if needed <= present:
        return arrays
    larger = empty(max(64, 2 * present, needed))
    for name, array in arrays.items():
        larger[name][:present] = array
    return larger


def _forget(arrays: Arrays, empty: Callable[[int], Arrays], slot: int) -> None:
    for name, fresh in empty(1).items():
        arrays[name][slot] = fresh[0]


def _look_up(slots: dict[int, int], series_id: np.ndarray) -> np.ndarray:
    """Slot of each series; new ones are given the next."""
    distinct, inverse = np.unique(series_id, return_inverse=True)
    found = [slots.setdefault(number, len(slots)) for number in distinct.tolist()]
    return np.array(found, np.int64)[inverse]

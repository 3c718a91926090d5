"""Series that are awkward to watch: each with what has to be flagged, and what must not.

Used by tests, and for the pictures of the documentation: `python -m vigil.bench.awkward FOLDER`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from vigil.detect import (
    Decisions,
    DetectorSettings,
    MetricKind,
    Observations,
    OnlineDetector,
)
from vigil.detect.calendar import DEFAULT_CALENDAR, Calendar

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
FIVE_MINUTES_S, DAY_STEPS = 300.0, 288
# A Monday.
START_S = 4 * DAY_S


@dataclass(frozen=True, slots=True)
class AwkwardSeries:
    """float64 (n,) times and values, NaN where nothing was measured.

    `alarms`: (first, one past the last) row of stretches in which there has to be a flag.
    `quiet_from`: no row from here on may be flagged, but for those stretches and what follows
    within `tail` rows. `weight`: requests behind each value. At row `confirmed` an operator says
    that what began there was meant.
    """

    time_s: np.ndarray
    value: np.ndarray
    alarms: tuple[tuple[int, int], ...] = ()
    quiet_from: int = 0
    tail: int = 5
    kind: MetricKind = MetricKind.GENERIC
    weight: np.ndarray | None = None
    calendar: Calendar = DEFAULT_CALENDAR
    confirmed: int | None = None


def _times(n: int, step_s: float, start_s: float = START_S) -> np.ndarray:
    return start_s + np.arange(n) * step_s


def _noise(n: int, seed: int, size: float = 1.0) -> np.ndarray:
    noise: np.ndarray = np.random.default_rng(seed).normal(0, size, n)
    return noise


def sparse_route() -> AwkwardSeries:
    """A call now and then: single calls are usual, a burst is not."""
    value = (np.random.default_rng(1).random(3_000) < 0.02).astype(float)
    value[2_500:2_510] = 20.0
    return AwkwardSeries(_times(3_000, MINUTE_S), value, ((2_500, 2_510),), 1_000)


def daily_job() -> AwkwardSeries:
    """Work for one hour a night: the peak is usual, its absence and a peak at noon are not."""
    value = 2 + _noise(24 * 28, 2, 0.2)
    value[2::24] += 100
    value[24 * 25 + 12] += 100
    return AwkwardSeries(_times(len(value), HOUR_S), value, ((612, 613),), 24 * 10)


def constant() -> AwkwardSeries:
    """Always the same, then not."""
    value = np.full(2_000, 45.0)
    value[1_500:1_505] = 60.0
    return AwkwardSeries(_times(2_000, MINUTE_S), value, ((1_500, 1_505),))


def nearly_constant() -> AwkwardSeries:
    """Rounding moves the last digit: no alarm; a change of a tenth and more is one."""
    value = np.round(100 + _noise(2_000, 3, 0.2))
    value[1_500:1_505] = 130.0
    return AwkwardSeries(_times(2_000, MINUTE_S), value, ((1_500, 1_505),))


def drop_to_zero() -> AwkwardSeries:
    """Traffic gone, within its usual range at night but not at this hour."""
    n = 5 * 1_440
    day = np.arange(n) / 1_440
    value = 1_000 * (1 + 0.8 * np.sin(2 * np.pi * day)) + _noise(n, 4, 30)
    value[6_000:6_030] = 0.0
    return AwkwardSeries(_times(n, MINUTE_S), value, ((6_000, 6_030),), 1_440)


def vanished() -> AwkwardSeries:
    """No value at all: absent is not zero, and three missing values are no alarm yet."""
    value = 5 + _noise(1_000, 5, 0.5)
    value[400:403] = np.nan
    value[800:830] = np.nan
    return AwkwardSeries(_times(1_000, MINUTE_S), value, ((806, 830),))


def scheduled_silence() -> AwkwardSeries:
    """Measured in office hours only: nights are usual at once, weekends from the third on."""
    hour = np.arange(24 * 28)
    open_ = (hour % 24 >= 8) & (hour % 24 < 18) & (hour // 24 % 7 < 5)
    value = np.where(open_, 50 + _noise(len(hour), 6), np.nan)
    return AwkwardSeries(_times(len(hour), HOUR_S), value, (), 24 * 15)


def lasting_shift() -> AwkwardSeries:
    """A new level: told of at first, learnt in the end."""
    value = 50 + _noise(8_000, 7)
    value[2_000:] += 15
    return AwkwardSeries(_times(8_000, MINUTE_S), value, ((2_000, 2_010),), 0, 5_000)


def long_incident() -> AwkwardSeries:
    """Hours of an incident do not become usual: the next one is flagged like the first."""
    value = 50 + _noise(4_000, 8)
    value[2_000:2_120] += 30
    value[3_000:3_010] += 30
    return AwkwardSeries(_times(4_000, MINUTE_S), value, ((2_000, 2_120), (3_000, 3_010)))


def unequal_steps() -> AwkwardSeries:
    """Between ten seconds and ten minutes apart."""
    rng = np.random.default_rng(9)
    time_s = START_S + np.cumsum(rng.uniform(10, 600, 2_000))
    value = 50 + 10 * np.sin(2 * np.pi * time_s / DAY_S) + rng.normal(0, 1, 2_000)
    value[1_500:1_505] += 40
    return AwkwardSeries(time_s, value, ((1_500, 1_505),), 500)


def cold_start() -> AwkwardSeries:
    """Thirty values, then an incident."""
    value = 50 + _noise(60, 10)
    value[31:36] = 90
    return AwkwardSeries(_times(60, MINUTE_S), value, ((31, 36),))


def second_season() -> AwkwardSeries:
    """A rush at noon: on the third day it is expected, at midnight it is an incident."""
    n = 4 * 1_440
    minute = np.arange(n) % 1_440
    value = 100 + 200 * np.exp(-(((minute - 720) / 120) ** 2)) + _noise(n, 11, 4)
    value[3 * 1_440 + 60 : 3 * 1_440 + 75] += 150
    return AwkwardSeries(_times(n, MINUTE_S), value, ((4_380, 4_395),), 2 * 1_440)


def counter_reset() -> AwkwardSeries:
    """A running total that starts afresh twice; that it stands still is an incident."""
    n = 3_000
    rate = np.random.default_rng(12).poisson(200, n)
    rate[2_500:2_510] = 0
    total = np.cumsum(rate).astype(float)
    for row in (1_000, 1_700):
        total[row:] -= total[row - 1]
    return AwkwardSeries(_times(n, MINUTE_S), total, ((2_500, 2_510),))


def confirmed_deploy() -> AwkwardSeries:
    """A new level that an operator has confirmed is usual at once; the next change is not."""
    value = 50 + _noise(2_000, 13)
    value[1_000:] += 15
    value[1_500:1_505] += 15
    alarms = ((1_000, 1_010), (1_500, 1_505))
    return AwkwardSeries(_times(2_000, MINUTE_S), value, alarms, confirmed=1_010)


def _office_requests(calendar: Calendar, start_s: float, days: int, seed: int) -> AwkwardSeries:
    """Requests that follow working hours of that calendar; on free days a fifth of them."""
    time_s = _times(days * DAY_STEPS, FIVE_MINUTES_S, start_s)
    local_s = calendar.local(time_s)
    hour = local_s % DAY_S / HOUR_S
    mean = 150 + 1_500 * np.exp(-(((hour - 13) / 3) ** 2))
    mean = np.where(calendar.free(local_s), 0.2 * mean, mean)
    count = np.random.default_rng(seed).poisson(mean).astype(float)
    return AwkwardSeries(
        time_s, count / FIVE_MINUTES_S, kind=MetricKind.RATE, weight=count, calendar=calendar
    )


def _with_outage(series: AwkwardSeries, row: int) -> AwkwardSeries:
    """The same, with no request for an hour; the first two days are for learning."""
    assert series.weight is not None
    rate, count = series.value.copy(), series.weight.copy()
    rate[row : row + 12] = count[row : row + 12] = 0
    return replace(
        series, value=rate, weight=count, alarms=((row, row + 12),), quiet_from=2 * DAY_STEPS
    )


def weekend() -> AwkwardSeries:
    """A fifth of the traffic on Saturday and Sunday, from the first one on; an outage is none."""
    series = _office_requests(DEFAULT_CALENDAR, START_S, 28, 14)
    return _with_outage(series, 26 * DAY_STEPS + 150)


def public_holiday() -> AwkwardSeries:
    """German Unity Day 2025, a Friday, is like a Sunday; an outage on the next day is none."""
    calendar = Calendar(timezone="Europe/Berlin", country="DE")
    monday_s = datetime(2025, 9, 15, tzinfo=UTC).timestamp()
    series = _office_requests(calendar, monday_s, 21, 15)
    return _with_outage(series, 19 * DAY_STEPS + 130)


def daylight_saving() -> AwkwardSeries:
    """Clocks go back on 26 October 2025: people come an hour later by UTC."""
    calendar = Calendar(timezone="Europe/Berlin")
    monday_s = datetime(2025, 10, 6, tzinfo=UTC).timestamp()
    series = _office_requests(calendar, monday_s, 28, 16)
    return _with_outage(series, 22 * DAY_STEPS + 150)


def time_zone() -> AwkwardSeries:
    """Tokyo's Monday begins on UTC's Sunday afternoon."""
    calendar = Calendar(timezone="Asia/Tokyo", country="JP")
    monday_s = datetime(2025, 6, 2, tzinfo=UTC).timestamp()
    series = _office_requests(calendar, monday_s, 28, 17)
    return _with_outage(series, 22 * DAY_STEPS + 40)


AWKWARD: Mapping[str, Callable[[], AwkwardSeries]] = {
    make.__name__: make
    for make in (
        sparse_route, daily_job, constant, nearly_constant, counter_reset, drop_to_zero, vanished,
        scheduled_silence, lasting_shift, confirmed_deploy, long_incident, weekend, public_holiday,
        daylight_saving, time_zone, unequal_steps, cold_start, second_season,
    )
}  # fmt: skip


def decide(series: AwkwardSeries) -> Decisions:
    """What the default detector says, told of the calendar and of what was confirmed."""
    detector = OnlineDetector(DetectorSettings(calendars=(series.calendar,)))
    if series.confirmed is None:
        return detector.update(_rows(series, slice(None)))
    before = detector.update(_rows(series, slice(series.confirmed)))
    detector.forget(0)
    after = detector.update(_rows(series, slice(series.confirmed, None)))
    names = Decisions.__slots__
    return Decisions(*(np.concatenate([getattr(before, n), getattr(after, n)]) for n in names))


def _rows(series: AwkwardSeries, rows: slice) -> Observations:
    time_s, value = series.time_s[rows], series.value[rows]
    n = len(time_s)
    return Observations(
        series_id=np.zeros(n, np.int64),
        time_s=time_s,
        value=value,
        weight=np.ones(n) if series.weight is None else series.weight[rows],
        kind=np.full(n, series.kind, np.int8),
        calendar=np.ones(n, np.int8),
    )


def draw(folder: Path) -> None:
    """One PNG of all series with their flags."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 19), layout="constrained")
    for axes, (name, make) in zip(figure.subplots(9, 2).flat, AWKWARD.items(), strict=True):
        series = make()
        found = decide(series)
        hours = (series.time_s - series.time_s[0]) / HOUR_S
        axes.plot(hours, series.value, lw=0.6, color="black")
        shown = np.where(np.isfinite(series.value), series.value, np.nanmin(series.value))
        axes.plot(hours[found.flagged], shown[found.flagged], "o", ms=3, color="tab:red")
        axes.set_title(name.replace("_", " "), loc="left", fontsize=9)
        axes.tick_params(labelsize=7)
    figure.savefig(folder / "awkward.png", dpi=70)


if __name__ == "__main__":
    draw(Path(sys.argv[1]))

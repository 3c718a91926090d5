"""Series that are awkward to watch: each with what has to be flagged, and what must not.

Used by tests, and for the pictures of the documentation: `python -m vigil.bench.awkward FOLDER`.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vigil.detect import Decisions
from vigil.detect.series import detect_series

MINUTE_S, HOUR_S, DAY_S = 60.0, 3_600.0, 86_400.0
# A Monday.
START_S = 4 * DAY_S


@dataclass(frozen=True, slots=True)
class AwkwardSeries:
    """float64 (n,) times and values, NaN where nothing was measured.

    `alarms`: (first, one past the last) row of stretches in which there has to be a flag.
    `quiet_from`: no row from here on may be flagged, but for those stretches and what follows
    within `tail` rows.
    """

    time_s: np.ndarray
    value: np.ndarray
    alarms: tuple[tuple[int, int], ...] = ()
    quiet_from: int = 0
    tail: int = 5


def _times(n: int, step_s: float) -> np.ndarray:
    return START_S + np.arange(n) * step_s


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


AWKWARD: Mapping[str, Callable[[], AwkwardSeries]] = {
    make.__name__: make
    for make in (
        sparse_route, daily_job, constant, nearly_constant, drop_to_zero, vanished,
        scheduled_silence, lasting_shift, long_incident, unequal_steps, cold_start, second_season,
    )
}  # fmt: skip


def decide(series: AwkwardSeries) -> Decisions:
    """What the default detector says."""
    return detect_series(series.time_s, series.value)


def draw(folder: Path) -> None:
    """One PNG of all series with their flags."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 13), layout="constrained")
    for axes, (name, make) in zip(figure.subplots(6, 2).flat, AWKWARD.items(), strict=True):
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

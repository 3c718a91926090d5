"""Any times and values as a regular series: what all forecasting starts from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vigil.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

DAY_S = 86_400.0
# A gap of up to this many steps is bridged by a line; a longer one by the day before, from two on.
BRIDGED_STEPS = 12
# More steps than this between first and last value are cut off at the front.
MOST_STEPS = 200_000
# A distance between times that is at least this share of all is the step.
COMMON = 0.25
# Times that are further than this share of a step from any regular ones, in the median, have none.
MOST_JITTER = 0.1
# Beyond it, sums of squares and cubes overflow.
MOST_VALUE = 1e100


@dataclass(frozen=True, slots=True)
class RegularSeries:
    """Values on a regular grid, oldest first.

    start_s: epoch seconds of the first step. step_s: length of a step in seconds.
    value: float64 (n,), finite, gaps filled. measured: bool (n,), False where filled.
    """

    start_s: float
    step_s: float
    value: np.ndarray
    measured: np.ndarray

    @classmethod
    def of(cls, grid: np.ndarray, start_s: float, step_s: float) -> "RegularSeries":
        """From values (n,) that are on the grid already, NaN where there is none."""
        unfilled = cls(start_s, step_s, grid, ~np.isnan(grid))
        return cls(start_s, step_s, _filled(grid, unfilled.day_steps), unfilled.measured)

    @property
    def end_s(self) -> float:
        """Epoch seconds of the first step after the last value."""
        return self.start_s + len(self.value) * self.step_s

    @property
    def day_steps(self) -> int | None:
        """Steps in a day, None where a day is no whole number of at least two steps."""
        steps = DAY_S / self.step_s
        return round(steps) if steps >= 2 and abs(steps - round(steps)) < 1e-6 else None

    def to_pandas(self) -> "pd.Series":
        """As the forecasters of libraries take it: a DatetimeIndex (UTC, no zone) with its freq."""
        # Here, since most of what forecasts needs no pandas, which takes long to load.
        import pandas as pd

        seconds = self.start_s + self.step_s * np.arange(len(self.value))
        index = pd.DatetimeIndex((seconds * 1e6).astype("datetime64[us]"))
        freq = pd.offsets.Milli(round(1000 * self.step_s))
        return pd.Series(self.value, index=index).asfreq(freq)


def usual_step_s(time_s: np.ndarray) -> float:
    """The commonest distance of distinct times; a minute where there is only one.

    Where times jitter, so that no distance is common, it is what fits all of them best: a whole
    number of seconds if the jitter leaves room for one.

    >>> usual_step_s(np.array([0.0, 60, 60, 120, 360]))
    60.0
    """
    distances = np.diff(np.unique(time_s)).round(6)
    if not len(distances):
        return 60.0
    found, times = np.unique(distances, return_counts=True)
    if times.max() >= COMMON * len(distances):
        return float(found[times.argmax()])
    middle = float(np.median(distances))
    steps = np.maximum(1, np.rint(distances / middle))
    off = np.abs(distances - steps * middle)
    if np.median(off) > MOST_JITTER * middle:
        return middle
    step_s, doubt_s = distances.sum() / steps.sum(), 2 * off.max() / steps.sum()
    return float(np.rint(step_s) if abs(step_s - np.rint(step_s)) <= doubt_s else step_s)


def regular(time_s: np.ndarray, value: np.ndarray) -> RegularSeries:
    """Float64 (n,) times and values in any order on a grid; NaN values are gaps.

    Values that fall into the same step, duplicates among them, are averaged. The grid ends with
    the last row, whether or not it has a value. Needs at least one finite value. Raises UsageError
    for a value beyond 1e100.
    """
    known = np.isfinite(value)
    largest = np.abs(value[known]).max()
    if largest > MOST_VALUE:
        raise UsageError(f"|value| must be <= {MOST_VALUE:g}, got {largest:g}")
    step_s = usual_step_s(time_s)
    last_s = float(time_s.max())
    # Anchored at the end: irregular times must not shift the step that the forecast follows.
    back = np.round((last_s - time_s) / step_s).astype(np.int64)
    known &= back < MOST_STEPS
    steps = int(back[known].max()) + 1
    position = steps - 1 - back[known]
    total = np.bincount(position, weights=value[known], minlength=steps)
    count = np.bincount(position, minlength=steps)
    measured = count > 0
    with np.errstate(invalid="ignore"):
        grid = np.where(measured, total / count, np.nan)
    return RegularSeries.of(grid, last_s - (steps - 1) * step_s, step_s)


def _filled(grid: np.ndarray, season: int | None) -> np.ndarray:
    """Short gaps by a line, long ones by the season before where two were seen, else by a line."""
    if not np.isnan(grid).any():
        return grid
    missing = np.isnan(grid)
    run = np.flatnonzero(np.diff(np.concatenate(([0], missing.astype(np.int8), [0]))))
    long = np.zeros(len(grid), bool)
    for first, after in run.reshape(-1, 2):
        long[first:after] = after - first > BRIDGED_STEPS
    lines = grid.copy()
    lines[missing] = np.interp(np.flatnonzero(missing), np.flatnonzero(~missing), grid[~missing])
    # A single day that is not over is no example of what the rest of it is like.
    if season and len(grid) >= 2 * season:
        for step in np.flatnonzero(long):
            if step >= season:
                lines[step] = lines[step - season]
    return lines

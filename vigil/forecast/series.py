"""One series of any kind forecast: what `vigil forecast` runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from vigil.errors import UsageError
from vigil.features.deploys import NO_DEPLOYS
from vigil.forecast.panel import LEAST_STEPS, LEVELS, forecast_panel, tested_steps
from vigil.forecast.pool import Panel
from vigil.forecast.regular import RegularSeries, regular
from vigil.forecast.seasons import seasons_of
from vigil.forecast.settings import DEFAULT_SETTINGS, ForecastSettings

if TYPE_CHECKING:
    import pandas as pd

DAY_S = 86_400.0
MOST_STEPS_AHEAD = 100_000
# Weekends count where at least one was seen after a working week.
WEEKENDS_FROM_DAYS = 9
MOSTLY_ZERO = 0.5


@dataclass(frozen=True, slots=True)
class SeriesForecast:
    """The next h steps of a series.

    time_s: epoch seconds (h,). mean: (h,), the central forecast. quantile: (h, q) at `levels`.
    method: member of the pool → its share of the mixture, mean over the ranges of horizons, the
    largest first. seasons: steps of each season used. notes: what could not be done, and why.
    """

    time_s: np.ndarray
    mean: np.ndarray
    quantile: np.ndarray
    levels: tuple[float, ...]
    step_s: float
    seasons: tuple[int, ...]
    method: dict[str, float]
    notes: tuple[str, ...]


class MixtureForecaster:
    """`forecast_series` as a candidate of the workbench."""

    def forecast(
        self, history: "pd.Series", steps: int, deploys: "pd.DatetimeIndex" = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        return forecast_series(_seconds(history), history.to_numpy(float), steps).mean

    def quantiles(
        self,
        history: "pd.Series",
        steps: int,
        levels: Sequence[float],
        deploys: "pd.DatetimeIndex" = NO_DEPLOYS,
    ) -> np.ndarray:
        """See `QuantileForecaster`."""
        return forecast_series(_seconds(history), history.to_numpy(float), steps, levels).quantile


def _seconds(history: "pd.Series") -> np.ndarray:
    return np.asarray(history.index.to_numpy().astype("datetime64[us]").astype(float) / 1e6)


def forecast_series(
    time_s: np.ndarray,
    value: np.ndarray,
    steps: int,
    levels: Sequence[float] = LEVELS,
    holidays: frozenset[int] = frozenset(),
    settings: ForecastSettings = DEFAULT_SETTINGS,
) -> SeriesForecast:
    """Continue float64 (n,) times and values, in any order, NaN allowed, by `steps` of their step.

    `holidays`: days since the epoch that are like weekends (`vigil.forecast.holidays`).
    Raises UsageError for a number of steps below 1 or above 100,000 and where no value is finite.
    Cost: about 0.2 s for 16,000 points.
    """
    series = checked(time_s, value, steps)
    ahead_s = series.end_s + series.step_s * np.arange(steps)
    if len(series.value) < LEAST_STEPS:
        return _too_short(series, ahead_s, tuple(levels))
    day = series.day_steps
    seasons = seasons_of(series.value, day)
    panel = Panel(series.value[None], seasons, days_off(series, steps, holidays))
    found = forecast_panel(panel, series.measured[None], steps, levels, settings=settings)
    share = found.weight[0].mean(axis=0)
    method = {found.members[m]: float(share[m]) for m in np.argsort(-share) if share[m] > 0}
    return SeriesForecast(
        ahead_s, found.mean[0], found.quantile[0], found.levels, series.step_s, seasons, method,
        tuple(_notes(series, panel, steps)),
    )  # fmt: skip


def checked(time_s: np.ndarray, value: np.ndarray, steps: int) -> RegularSeries:
    """The series to be continued by `steps`; raises UsageError as `forecast_series` does."""
    if not 1 <= steps <= MOST_STEPS_AHEAD:
        raise UsageError(f"horizon must be 1 to {MOST_STEPS_AHEAD} steps, got {steps}")
    if not np.isfinite(value).any():
        raise UsageError(f"at least one value must be a number, all {len(value)} are missing")
    return regular(time_s, value)


def _notes(series: RegularSeries, panel: Panel, steps: int) -> list[str]:
    notes = []
    tested = tested_steps(panel, series.measured[None])
    if not panel.seasons:
        notes.append(
            f"no season was met twice in {panel.length} steps: only level and drift are forecast"
        )
    if steps > tested:
        notes.append(
            f"the history can test {tested} steps ahead: later ones have the last tested band"
        )
    zeros = float((series.value == 0).mean())
    if zeros > MOSTLY_ZERO:
        notes.append(
            f"{zeros:.0%} of the values are zero, so zero may be the nearest forecast of most"
            f" steps: on average {series.value.mean():.3g} come in a step"
        )
    filled = float(1 - series.measured.mean())
    if filled > 0:
        notes.append(f"{filled:.1%} of the steps had no value and were filled")
    return notes


def _too_short(
    series: RegularSeries, ahead_s: np.ndarray, levels: tuple[float, ...]
) -> SeriesForecast:
    """The last value with the band of a random walk."""
    value, steps = series.value, np.arange(1, len(ahead_s) + 1)
    deviation = float(np.sqrt(np.mean(np.diff(value) ** 2))) if len(value) > 1 else 0.0
    mean = np.full(len(steps), value[-1])
    band = (
        deviation
        * np.sqrt(steps)[:, None]
        * np.array([NormalDist().inv_cdf(level) for level in levels])
    )
    floor = 0.0 if value.min() >= 0 else -np.inf
    note = (
        f"{len(value)} steps of history are too few to choose by a backtest ({LEAST_STEPS} needed):"
        " the last value goes on, with the band of a random walk"
    )
    quantile = np.maximum(mean[:, None] + band, floor)
    return SeriesForecast(
        ahead_s, mean, quantile, levels, series.step_s, (), {"last": 1.0}, (note,)
    )


def days_off(
    series: RegularSeries, steps: int, holidays: frozenset[int] = frozenset()
) -> np.ndarray | None:
    """Which of the history's n steps and the `steps` after it are no working days, bool."""
    if not series.day_steps or len(series.value) < WEEKENDS_FROM_DAYS * series.day_steps:
        return None
    instants = series.start_s + series.step_s * np.arange(len(series.value) + steps)
    day = np.floor(instants / DAY_S).astype(int)
    # 1970-01-01 was a Thursday.
    return ((day + 3) % 7 >= 5) | np.isin(day, sorted(holidays))

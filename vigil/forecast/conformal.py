"""Calibrated quantiles around any forecaster, from its own errors at past moments."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS
from vigil.forecast.bands import Errors, offsets, spreads
from vigil.forecast.contract import Forecaster, QuantileForecaster
from vigil.forecast.mixture import horizon_ranges
from vigil.forecast.panel import tested_horizons
from vigil.forecast.pool import Panel
from vigil.forecast.settings import DEFAULT_SETTINGS

# Each of them is a fit.
ORIGINS = 40
# Seasons that a model sees at least: many need two of them.
SEASONS_SEEN = 2


def with_quantiles(
    build: Callable[[], Forecaster],
    season_steps: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> QuantileForecaster:
    """The model itself where it has quantiles of its own, else in the bands of its past errors."""
    model = build()
    if isinstance(model, QuantileForecaster):
        return model
    return ConformalForecaster(build, season_steps, progress)


def first_origin(length: int, season_steps: int) -> int:
    """The first past moment of a history of so many steps that a model forecasts from."""
    return max(SEASONS_SEEN * season_steps, length // 3) + 1


class ConformalForecaster:
    """Any forecaster with the bands of `vigil.forecast.bands`; `build` makes a fresh one.

    It forecasts up to `ORIGINS` past moments, spread from two seasons on, as if the rest were
    unknown. Newer errors weigh more, and the band follows the level of recent ones.
    Cost: `ORIGINS` fits; `progress(done, total)` after each.
    """

    def __init__(
        self,
        build: Callable[[], Forecaster],
        season_steps: int,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self._build = build
        self._season_steps = season_steps
        self._progress = progress

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`: that of the model itself."""
        return self._build().forecast(history, steps, deploys)

    def quantiles(
        self,
        history: pd.Series,
        steps: int,
        levels: Sequence[float],
        deploys: pd.DatetimeIndex = NO_DEPLOYS,
    ) -> np.ndarray:
        """See `QuantileForecaster`; two seasons and two steps of history are needed."""
        value = history.to_numpy(float)
        origins = self._origins(len(value))
        horizons = tested_horizons(steps)
        past = np.empty((len(origins), len(horizons)))
        for number, origin in enumerate(origins):
            # The deploys go along as they are: those after an origin were planned then.
            past[number] = self.forecast(history.iloc[:origin], steps, deploys)[horizons]
            self._progress(number + 1, len(origins))
        found = np.repeat(self.forecast(history, steps, deploys)[:, None], len(levels), axis=1)
        panel = Panel(value[None], tuple({self._season_steps} - {1}))
        return found + _offsets(panel, origins, horizons, past, steps, np.asarray(levels))

    def _origins(self, length: int) -> np.ndarray:
        first = first_origin(length, self._season_steps)
        if first >= length:
            raise ValueError(
                f"a band needs more than {SEASONS_SEEN} seasons of {self._season_steps} steps,"
                f" got {length} steps"
            )
        return np.unique(np.linspace(first, length - 1, ORIGINS).astype(int))


def _offsets(
    panel: Panel,
    origins: np.ndarray,
    horizons: np.ndarray,
    past: np.ndarray,
    steps: int,
    levels: np.ndarray,
) -> np.ndarray:
    """What to add to the forecast, (steps, q). past: (o, h), forecasts made at the origins."""
    ahead, now = np.arange(steps), np.array([panel.length])
    spread, spread_ahead = spreads(panel, origins, horizons), spreads(panel, now, ahead)[:, :, 0]
    target = origins[:, None] + horizons[None, :]
    tested = target < panel.length
    error = panel.value[0, np.minimum(target, panel.length - 1)] - past
    age = (panel.length - origins[:, None]) / panel.length
    weight = tested * np.exp2(-age / DEFAULT_SETTINGS.half_life)
    ranges, asked = horizon_ranges(horizons), horizon_ranges(ahead)
    found = np.zeros((steps, len(levels)))
    for number in range(asked.max() + 1):
        columns, wanted = ranges == number, asked == number
        if not tested[:, columns].any():
            # Further than the history can test: as uncertain as the furthest that it can.
            found[wanted] = found[np.flatnonzero(wanted)[0] - 1]
            continue
        errors = Errors(
            error=error[:, columns].reshape(1, -1),
            weight=weight[:, columns].reshape(1, -1),
            scale=spread[:, :, :, columns].reshape(len(spread), 1, -1),
            ahead=spread_ahead[:, :, wanted],
            block=target[:, columns].ravel() // 2**number,
        )
        found[wanted] = offsets(errors, levels)[0]
    return found

"""One series of any kind forecast by a model of your choice: what `vigil forecast --model` runs."""

from collections.abc import Callable, Sequence

import numpy as np

from vigil.errors import UsageError
from vigil.forecast.conformal import with_quantiles
from vigil.forecast.contract import Forecaster
from vigil.forecast.panel import LEVELS
from vigil.forecast.series import SeriesForecast, checked


def forecast_by_model(
    name: str,
    build: Callable[[int], Forecaster],
    time_s: np.ndarray,
    value: np.ndarray,
    steps: int,
    levels: Sequence[float] = LEVELS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SeriesForecast:
    """Continue float64 (n,) times and values, in any order, NaN allowed, by `steps` of their step.

    `build` makes a model for a season of so many steps, those of a day, or 1 where a day has no
    whole number of them. Its own quantiles are taken where it has some, else those of its past
    errors. Raises UsageError where the model cannot forecast the series, with the reason.
    """
    series = checked(time_s, value, steps)
    season = series.day_steps or 1
    model = with_quantiles(lambda: build(season), season, progress)
    history = series.to_pandas()
    try:
        mean = model.forecast(history, steps)
        quantile = model.quantiles(history, steps, levels)
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError) as error:
        raise UsageError(f"{name} cannot do it: {error}; leave out the model") from error
    floor = 0.0 if series.value.min() >= 0 else -np.inf
    return SeriesForecast(
        series.end_s + series.step_s * np.arange(steps), np.maximum(mean, floor),
        np.maximum(quantile, floor), tuple(levels), series.step_s,
        (season,) if season > 1 else (), {name: 1.0}, (),
    )  # fmt: skip

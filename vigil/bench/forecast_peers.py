"""Other forecasters, run beside Vigil's on the same histories: their defaults, their own bands."""

import logging
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from vigil.backtest.candidate import find_candidates
from vigil.errors import UsageError
from vigil.forecast.conformal import with_quantiles
from vigil.forecast.contract import Forecaster
from vigil.forecast.regular import RegularSeries
from vigil.forecast.series import forecast_series
from vigil.forecast.settings import DEFAULT_SETTINGS, ForecastSettings
from vigil.forecast.sktime_adapter import quiet

LEVELS = (0.025, 0.1, 0.5, 0.9, 0.975)
# AutoETS takes seasons up to this length; beyond it fits none.
ETS_SEASON_STEPS = 24
LIGHTGBM_LAGS = (-1, -2, -3, -6, -12)

# (history with a DatetimeIndex, NaN where nothing was measured, steps of a day, steps ahead) →
# quantiles (h, 5) at LEVELS; the middle one is the point forecast that is judged.
ForecastPeer = Callable[[pd.Series, int, int], np.ndarray]


def vigil(
    history: pd.Series,
    day_steps: int,
    steps: int,
    settings: ForecastSettings = DEFAULT_SETTINGS,
) -> np.ndarray:
    """Vigil's mixture; its central forecast stands in the middle."""
    time_s = history.index.to_numpy().astype("datetime64[us]").astype(float) / 1e6
    found = forecast_series(time_s, history.to_numpy(float), steps, LEVELS, settings=settings)
    quantile = found.quantile.copy()
    quantile[:, LEVELS.index(0.5)] = found.mean
    return quantile


def filled(peer: ForecastPeer) -> ForecastPeer:
    """A peer that takes no gaps is given them filled as Vigil fills them for itself."""

    def forecast(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
        step_s = pd.DatetimeIndex(history.index).freq.nanos / 1e9  # type: ignore[union-attr]
        series = RegularSeries.of(history.to_numpy(float), 0.0, step_s)
        return peer(pd.Series(series.value, history.index), day_steps, steps)

    return forecast


@filled
def seasonal_naive(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """statsforecast: the day before, the yardstick."""
    from statsforecast.models import SeasonalNaive

    return _statsforecast(SeasonalNaive(day_steps), history, steps)


@filled
def auto_ets(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """statsforecast: exponential smoothing chosen by AICc."""
    from statsforecast.models import AutoETS

    season = day_steps if day_steps <= ETS_SEASON_STEPS else 1
    return _statsforecast(AutoETS(season_length=season), history, steps)


@filled
def mstl(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """statsforecast: day and week by loess, the rest by exponential smoothing."""
    from statsforecast.models import MSTL

    lengths = [day_steps, 7 * day_steps] if len(history) >= 14 * day_steps else [day_steps]
    return _statsforecast(MSTL(season_length=lengths), history, steps)


@filled
def darts_lightgbm(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """Darts: LightGBM over recent lags and the day before, one model a quantile."""
    from darts import TimeSeries
    from darts.models import LightGBMModel

    model = LightGBMModel(
        lags=sorted({*LIGHTGBM_LAGS, -day_steps}), likelihood="quantile", quantiles=list(LEVELS),
        random_state=0, verbose=-1, n_jobs=1,
    )  # fmt: skip
    model.fit(TimeSeries.from_series(history))
    sampled = model.predict(steps, num_samples=200).all_values()[:, 0]
    return np.quantile(sampled, LEVELS, axis=1).T


@filled
def sktime_theta(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """sktime: the Theta method with the season of the day."""
    from sktime.forecasting.theta import ThetaForecaster

    # Multiplicative deseasonalising, its default, needs positive values.
    shift = max(0.0, 1e-3 - float(history.min()))
    with quiet():
        model = ThetaForecaster(sp=day_steps)
        model.fit(history + shift, fh=np.arange(1, steps + 1))
    return model.predict_quantiles(alpha=list(LEVELS)).to_numpy() - shift


def in_bands(name: str, history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """A candidate of the workbench: its own quantiles where it has some, else in Vigil's bands."""
    [candidate] = find_candidates([name])

    def build() -> Forecaster:
        return candidate.build(day_steps)  # type: ignore[return-value]

    return with_quantiles(build, day_steps).quantiles(history, steps, LEVELS)


def candidate_peers() -> dict[str, ForecastPeer]:
    """Every single forecaster that is installed, each in Vigil's bands.

    The mixture is left out, which is what they are compared with, and what is for sparse series.
    """
    return {
        f"{found.name}_in_bands": filled(partial(in_bands, found.name))
        for found in find_candidates()
        if found.role == "forecaster" and found.name != "mixture" and not found.sparse_only
    }


@filled
def prophet(history: pd.Series, day_steps: int, steps: int) -> np.ndarray:
    """Prophet with its own choice of seasons.

    Raises UsageError where it is not installed: it belongs to the development group.
    """
    try:
        from prophet import Prophet
    except ImportError as error:
        raise UsageError("the peer prophet needs prophet: run `make setup`") from error
    logging.getLogger("cmdstanpy").disabled = True
    model = Prophet(uncertainty_samples=200)
    model.fit(pd.DataFrame({"ds": history.index, "y": history.to_numpy()}))
    step = history.index[-1] - history.index[-2]
    ahead = pd.DataFrame({"ds": history.index[-1] + step * np.arange(1, steps + 1)})
    sampled = model.predictive_samples(ahead)["yhat"]
    return np.quantile(sampled, LEVELS, axis=1).T


def _statsforecast(model: object, history: pd.Series, steps: int) -> np.ndarray:
    found = model.forecast(history.to_numpy(float), steps, level=[80, 95])  # type: ignore[attr-defined]
    names = ("lo-95", "lo-80", "mean", "hi-80", "hi-95")
    return np.stack([np.asarray(found[name], float) for name in names], axis=1)


FORECAST_PEERS: dict[str, ForecastPeer] = {
    "vigil": vigil,
    "seasonal_naive": seasonal_naive,
    "auto_ets": auto_ets,
    "mstl": mstl,
    "darts_lightgbm": darts_lightgbm,
    "sktime_theta": sktime_theta,
    "sktime_conformal": filled(partial(in_bands, "sktime_conformal")),
    "sktime_theta_in_bands": filled(partial(in_bands, "sktime_theta")),
    "prophet": prophet,
}

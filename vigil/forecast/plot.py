"""The end of a history and what is expected after it."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from vigil.forecast.series import SeriesForecast

# So many horizons of history are drawn before the forecast, and at least so many steps.
HORIZONS_BACK = 4
LEAST_STEPS_BACK = 200


def plot_forecast(
    path: Path, title: str, time_s: np.ndarray, value: np.ndarray, forecast: SeriesForecast
) -> None:
    """Write a PNG: history in black, the central forecast and its outer band in blue."""
    steps_back = max(HORIZONS_BACK * len(forecast.time_s), LEAST_STEPS_BACK)
    order = np.argsort(time_s, kind="stable")
    order = order[time_s[order] >= forecast.time_s[0] - steps_back * forecast.step_s]
    ahead = _instants(forecast.time_s)
    low, high = forecast.levels[0], forecast.levels[-1]
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(_instants(time_s[order]), value[order], lw=0.8, color="black", label="history")
    axes.fill_between(
        ahead, forecast.quantile[:, 0], forecast.quantile[:, -1],
        color="tab:blue", alpha=0.2, lw=0, label=f"{high - low:.0%} band",
    )  # fmt: skip
    axes.plot(ahead, forecast.mean, lw=1.2, color="tab:blue", label="forecast")
    axes.set_title(title, loc="left")
    axes.legend(loc="upper left", fontsize=8, ncols=3)
    figure.savefig(path, dpi=110)


def _instants(time_s: np.ndarray) -> np.ndarray:
    return (time_s * 1e6).astype("datetime64[us]")

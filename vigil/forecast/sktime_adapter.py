"""sktime estimators as forecasters."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS
from vigil.forecast.conformal import SEASONS_SEEN, first_origin

SEED = 0
# Steps that sktime's intervals are tested on: 1.2 GB for its matrix, and as much to make it.
MOST_TESTED = 12_000


class SktimeForecaster:
    """Any sktime forecaster; `build` makes a fresh one."""

    def __init__(self, build: Callable[[], Any]) -> None:
        self._build = build

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`."""
        with quiet():
            return np.asarray(_fitted(self._build(), history, steps).predict(), float).ravel()


class SktimeIntervals:
    """Any sktime forecaster in sktime's `ConformalIntervals`; `build` makes a fresh one.

    The quantiles are those of its errors at `origins` past moments, drawn from two seasons on and
    from the last `MOST_TESTED` steps, for each horizon by itself. sktime takes the errors of one
    step further than is asked (its issue 10766), so near bands of a series that drifts are wider
    than they say.
    Cost: `origins` fits, and a matrix of n · n numbers for n steps after the first origin.
    """

    def __init__(self, build: Callable[[], Any], season_steps: int, origins: int) -> None:
        self._build = build
        self._season_steps = season_steps
        self._origins = origins

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """See `Forecaster`: the median."""
        return self.quantiles(history, steps, (0.5,))[:, 0]

    def quantiles(
        self,
        history: pd.Series,
        steps: int,
        levels: Sequence[float],
        deploys: pd.DatetimeIndex = NO_DEPLOYS,
    ) -> np.ndarray:
        """See `QuantileForecaster`."""
        from sktime.forecasting.conformal import ConformalIntervals

        first = first_origin(len(history), self._season_steps)
        first = max(first, len(history) - max(MOST_TESTED, steps + self._origins))
        tested = len(history) - first
        if tested <= steps:
            raise ValueError(
                f"intervals need {SEASONS_SEEN} seasons of {self._season_steps} steps and the"
                f" {steps} steps asked for, got {len(history)} steps"
            )
        share = min(1.0, self._origins / tested)
        with quiet(), _seeded():
            model = ConformalIntervals(self._build(), initial_window=first, sample_frac=share)
            found = _fitted(model, history, steps).predict_quantiles(alpha=list(levels))
        return np.sort(found.to_numpy(float), axis=1)


def _fitted(model: Any, history: pd.Series, steps: int) -> Any:
    # Nothing is updated afterwards, so nothing needs to be remembered.
    return model.set_config(remember_data=False).fit(history, fh=np.arange(1, steps + 1))


@contextmanager
def quiet() -> Iterator[None]:
    """The parts of a pipeline tell of a default of theirs each time, whatever is set here.

    A filter would not do: what sktime loads meanwhile sets some of its own on top.
    """
    with warnings.catch_warnings(record=True) as told:
        yield
    for one in told:
        if not str(one.message).startswith("The default of config"):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


@contextmanager
def _seeded() -> Iterator[None]:
    """The same draw each time: sktime draws from numpy's global generator and takes no other."""
    before = np.random.get_state()  # noqa: NPY002
    np.random.seed(SEED)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002

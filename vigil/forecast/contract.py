"""What a forecaster is: past in, expected values out. Adapters make libraries meet it."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import pandas as pd

from vigil.features.deploys import NO_DEPLOYS


class Forecaster(Protocol):
    """Fitted and asked once; a new one is built for each series and fold."""

    def forecast(
        self, history: pd.Series, steps: int, deploys: pd.DatetimeIndex = NO_DEPLOYS
    ) -> np.ndarray:
        """Expected values of the next `steps` steps, float64 (steps,).

        `history` has a DatetimeIndex with a frequency and no gaps. `deploys`: instants of deploys,
        planned ones among them; a model without regressors ignores them.
        """
        ...


@runtime_checkable
class QuantileForecaster(Forecaster, Protocol):
    """Says how far the values may lie from what it expects."""

    def quantiles(
        self,
        history: pd.Series,
        steps: int,
        levels: Sequence[float],
        deploys: pd.DatetimeIndex = NO_DEPLOYS,
    ) -> np.ndarray:
        """Quantiles of the next `steps` steps at rising `levels`, float64 (steps, q), rising over
        q. `history` and `deploys` as for `forecast`. Raises ValueError where the history is too
        short to say.
        """
        ...


@runtime_checkable
class GlobalForecaster(Forecaster, Protocol):
    """Learns from many series at once, then is asked about each of them."""

    def learn(self, histories: Sequence[pd.Series]) -> None:
        """Histories as `forecast` takes them, of one step, none of which knows the future."""
        ...

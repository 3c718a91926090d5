"""Fresh forecasters for each series, or one that has learned from all of them."""

from collections.abc import Callable, Iterable

import pandas as pd

from vigil.backtest.candidate import Candidate
from vigil.forecast.contract import Forecaster, GlobalForecaster

# A global model learns little more from more series than these, spread over the sizes.
MOST_LEARNED = 50


def forecasters(
    candidate: Candidate, season_steps: int, histories: Iterable[pd.Series]
) -> Callable[[], Forecaster]:
    """Gives a forecaster for the next series: a fresh one, or a global one that has learned from
    `histories`, all of one step and with that season; others do not look at them.
    """
    first = candidate.build(season_steps)
    if not isinstance(first, GlobalForecaster):
        return lambda: candidate.build(season_steps)  # type: ignore[return-value]
    ranked = sorted(histories, key=lambda own: float(own.mean()))
    stride = -(-len(ranked) // MOST_LEARNED)
    first.learn(ranked[::stride])
    return lambda: first

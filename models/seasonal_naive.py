"""The baseline: yesterday once more."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.seasonal import SeasonalNaive

candidate = Candidate("seasonal_naive", "forecaster", "vigil", SeasonalNaive)

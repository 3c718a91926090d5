"""The baseline that forgets single bad days: the median of the last seven."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.seasonal import SeasonalMedian

candidate = Candidate("seasonal_median", "forecaster", "vigil", SeasonalMedian)

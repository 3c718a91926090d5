"""Vigil's mixture of simple forecasts, the one of `vigil forecast`."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.series import MixtureForecaster

candidate = Candidate("mixture", "forecaster", "vigil", lambda season_steps: MixtureForecaster())

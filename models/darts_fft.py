"""Darts: the strongest frequencies of the past, continued."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.darts_adapter import DartsForecaster

FREQUENCIES = 6


def build(season_steps: int) -> DartsForecaster:
    """The season is found by the transform itself."""

    def model() -> object:
        from darts.models import FFT

        return FFT(nr_freqs_to_keep=FREQUENCIES)

    return DartsForecaster(model)


candidate = Candidate("darts_fft", "forecaster", "darts", build, {"frequencies": FREQUENCIES})

"""sktime: the theta method on the deseasonalised series (Assimakopoulos and Nikolopoulos 2000)."""

from vigil.backtest.candidate import Candidate
from vigil.forecast.sktime_adapter import SktimeForecaster


def build(season_steps: int) -> SktimeForecaster:
    """Additive season: request metrics may be zero, which a multiplicative one does not bear."""

    def model() -> object:
        from sktime.forecasting.compose import TransformedTargetForecaster
        from sktime.forecasting.theta import ThetaForecaster
        from sktime.transformations.detrend import Deseasonalizer

        return TransformedTargetForecaster(
            [
                ("season", Deseasonalizer(sp=season_steps, model="additive")),
                ("theta", ThetaForecaster(deseasonalize=False)),
            ]
        )

    return SktimeForecaster(model)


candidate = Candidate("sktime_theta", "forecaster", "sktime", build, {"season": "additive"})

"""sktime: a fixed threshold on the standardised residuals from yesterday."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import SktimeLabels

SIGMAS = 3.5


def build(season_steps: int) -> SktimeLabels:
    """Points beyond the threshold are anomalies."""

    def detector() -> object:
        from sktime.detection.naive import ThresholdDetector

        return ThresholdDetector(upper=SIGMAS, mode="points")

    return SktimeLabels(detector, season_steps)


candidate = Candidate(
    "sktime_threshold", "detector", "sktime", build, {"sigmas": SIGMAS}, deployable=False
)

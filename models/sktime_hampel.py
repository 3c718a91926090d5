"""sktime: the Hampel filter on the residuals from yesterday."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import SktimeScorer

WINDOW = 48


def build(season_steps: int) -> SktimeScorer:
    """Distance from the running median, in running MADs."""

    def detector() -> object:
        from sktime.detection.hampel import HampelDetector

        return HampelDetector(window_length=WINDOW)

    return SktimeScorer(detector, season_steps)


candidate = Candidate(
    "sktime_hampel", "detector", "sktime", build, {"window": WINDOW}, deployable=False
)

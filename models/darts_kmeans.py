"""Darts: distance of the last half hour's shape from the shapes seen before."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import DartsScorer

CLUSTERS, WINDOW = 8, 6


def build(season_steps: int) -> DartsScorer:
    """K-means over sliding windows."""

    def scorer() -> object:
        from darts.ad import KMeansScorer

        return KMeansScorer(k=CLUSTERS, window=WINDOW, random_state=0)

    return DartsScorer(scorer)


candidate = Candidate(
    "darts_kmeans", "detector", "darts", build, {"k": CLUSTERS, "window": WINDOW}, deployable=False
)

"""river: half-space trees on a value and its distance from yesterday's."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import HalfSpaceTreesScorer

TREES, WINDOW = 25, 250


def build(season_steps: int) -> HalfSpaceTreesScorer:
    """Rare regions of the two, learnt value by value."""
    return HalfSpaceTreesScorer(TREES, WINDOW, season_steps)


candidate = Candidate(
    "half_space_trees", "detector", "river", build, {"trees": TREES, "window": WINDOW},
    deployable=False,
)  # fmt: skip

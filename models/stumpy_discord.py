"""stumpy: the online matrix profile, distance of the last half hour from the nearest before it."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import StumpyDiscord

WINDOW = 6


def build(season_steps: int) -> StumpyDiscord:
    """A discord in the raw values, level included."""
    return StumpyDiscord(WINDOW)


candidate = Candidate(
    "stumpy_discord", "detector", "stumpy", build, {"window": WINDOW}, deployable=False
)

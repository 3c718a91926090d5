"""Vigil's online detector, the one that the stream runs."""

from vigil.backtest.candidate import Candidate
from vigil.detect.library import OnlineScorer

candidate = Candidate("online", "detector", "vigil", lambda season_steps: OnlineScorer())

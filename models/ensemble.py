"""Vigil's ensemble: calibrated members, weights learnt from anomalies injected into the history."""

from vigil.backtest.candidate import Candidate
from vigil.backtest.ensembling import ENSEMBLE, EnsembleScorer
from vigil.detect.ensemble import MEMBERS


def build(season_steps: int) -> EnsembleScorer:
    """The season is found by the members themselves."""
    return EnsembleScorer()


candidate = Candidate(ENSEMBLE, "detector", "vigil", build, {"members": MEMBERS}, deployable=False)

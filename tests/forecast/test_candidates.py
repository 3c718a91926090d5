"""Candidates that forecast meet the contract on a plain daily series."""

import numpy as np
import pandas as pd
import pytest

from models import darts_lightgbm, mixture


@pytest.mark.parametrize("candidate", [mixture.candidate, darts_lightgbm.candidate])
def test_a_daily_season_is_continued(candidate):
    """Finite values, as many as asked for, near the truth."""
    hours = pd.date_range("2026-03-02", periods=24 * 15, freq="h")
    wave = pd.Series(10 + np.sin(np.arange(len(hours)) * 2 * np.pi / 24), index=hours)
    found = candidate.build(24).forecast(wave.iloc[:-24].asfreq("h"), 24)
    assert found.shape == (24,)
    assert np.abs(found - wave.iloc[-24:].to_numpy()).max() < 0.3

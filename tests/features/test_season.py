"""A season's usual course."""

import numpy as np
import pandas as pd

from vigil.features.season import season_profile

DAY = 288


def test_a_season_profile_starts_on_monday_and_has_no_holes():
    """Slots that the history never met take those of the nearest time."""
    values = np.random.default_rng(0).normal(100, 5, DAY // 2)
    index = pd.date_range("2026-03-02", periods=len(values), freq="5min")
    profile = season_profile(pd.Series(values, index=index), 24, 86_400.0)
    assert np.isfinite(profile).all()
    np.testing.assert_allclose(profile[0], np.median(values[:12]))
    assert profile[23] == profile[11]

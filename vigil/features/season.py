"""The usual course of a season, as one value for each part of it."""

import numpy as np
import pandas as pd


def season_profile(history: pd.Series, slots: int, season_s: float) -> np.ndarray:
    """Median value in each of `slots` equal parts of the season from Monday 00:00, float (slots,).

    Parts that the history never met take those of the nearest time.
    """
    monday_s = 4 * 86_400.0
    seconds = history.index.to_numpy().astype("datetime64[s]").astype(float)
    slot = np.floor(((seconds - monday_s) % season_s) / season_s * slots).astype(int)
    profile = history.groupby(slot).median().reindex(range(slots))
    return profile.interpolate(limit_direction="both").to_numpy()

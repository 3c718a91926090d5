"""Deploys as regressors known ahead: what each changed for good, and what all do at first."""

import numpy as np
import pandas as pd

# Older deploys are part of the level by now.
NEWEST = 3
# Cold caches and connections settle within so long.
SETTLING = pd.Timedelta(hours=1)


def deploy_regressors(
    index: pd.DatetimeIndex, steps: int, deploys: pd.DatetimeIndex
) -> pd.DataFrame:
    """Float64 (n + steps, 4) over the history's n steps and those after it.

    `since 1` to `since 3`: 1 from the newest, the second and third newest deploy of the history on,
    0 before and where there was none. `settling`: 1 in the hour after any deploy, planned ones
    among them: what they change for good nobody knows, what deploys do at first the past tells.
    """
    assert index.freq is not None, "the history is on a grid"
    whole = index.append(pd.date_range(index[-1], periods=steps + 1, freq=index.freq)[1:])
    known = deploys[(deploys > index[0]) & (deploys <= index[-1])].sort_values()[::-1][:NEWEST]
    columns = {
        f"since {number + 1}": (whole >= known[number] if number < len(known) else False)
        for number in range(NEWEST)
    }
    at, moments = whole.to_numpy()[:, None], deploys.to_numpy()[None, :]
    settling = ((at >= moments) & (at < moments + SETTLING.to_timedelta64())).any(axis=1)
    return pd.DataFrame({**columns, "settling": settling}, index=whole).astype(np.float64)

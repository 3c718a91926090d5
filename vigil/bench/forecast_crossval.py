"""Do the forecaster's settings carry over: choose them on all families but one, judge on that one.

What is chosen is the setting with the lowest weighted interval score, the middle (geometric mean)
over the series of the other families, each beside the day before: the score rewards near forecasts
and bands of the right width alike. The family kept aside has no say in how it is judged.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from vigil.bench.forecast import HORIZONS_S, YARDSTICK, ForecastCase, bench_forecasters
from vigil.bench.forecast_peers import seasonal_naive, vigil
from vigil.forecast.settings import DEFAULT_SETTINGS, ForecastSettings

GRID: Mapping[str, Sequence[float]] = {
    "half_life": (0.25, 0.5, 1.0),
    "unlike": (0.1, 0.2, 0.5),
}
DRAWS = 1_000
# A perfect day before has no ratio.
LEAST_SCORE = 1e-6


def settings_grid() -> dict[str, ForecastSettings]:
    """The settings that compete, by name; the defaults are among them."""
    tried = (dict(zip(GRID, values, strict=True)) for values in itertools.product(*GRID.values()))
    return {
        " ".join(f"{name}={value:g}" for name, value in changed.items()): dataclasses.replace(
            DEFAULT_SETTINGS, **changed
        )
        for changed in tried
    }


def cross_validate(
    cases: Sequence[ForecastCase], tick: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """A row a family held out, then all of them pooled, then their spread; `tick` after each
    forecast.

    Columns of each horizon: relative_mase, covered_80, covered_95 of what was chosen elsewhere, and
    default_mase, the relative one of the defaults. `spread` is the standard deviation over
    families, `low` and `high` the 90 % interval of the pooled figures had other series of these
    families been drawn (bootstrap).
    """
    grid = settings_grid()
    tried = {YARDSTICK: seasonal_naive}
    tried |= {name: partial(vigil, settings=settings) for name, settings in grid.items()}
    results = bench_forecasters(cases, tried, tick)
    default = next(name for name, settings in grid.items() if settings == DEFAULT_SETTINGS)
    families = list(dict.fromkeys(case.family for case in cases))
    parts, rows = [], []
    for family in families:
        chosen = choose(results[results.family != family], list(grid))
        own = results[results.family == family]
        part = _side_by_side(own, chosen, default)
        parts.append(part)
        rows.append({"family": family, "chosen": chosen, **_figures(part)})
    pooled = pd.concat(parts, ignore_index=True)
    spread = pd.DataFrame(rows).drop(columns=["family", "chosen"]).std()
    low, high = _bootstrap(pooled)
    rows += [
        {"family": "all, held out", "chosen": "", **_figures(pooled)},
        {"family": "spread over families", "chosen": "", **spread},
        {"family": "all, low", "chosen": "", **low},
        {"family": "all, high", "chosen": "", **high},
    ]
    return [
        {key: round(float(value), 3) if isinstance(value, float) else value
         for key, value in row.items()}
        for row in rows
    ]  # fmt: skip


def choose(results: pd.DataFrame, names: Sequence[str]) -> str:
    """Of the named forecasters the one with the lowest relative score over series and horizons."""
    score = results.pivot_table(
        index=["series", "horizon"], columns="forecaster", values="wis", aggfunc="mean"
    )
    relative = (score[list(names)] + LEAST_SCORE).div(score[YARDSTICK] + LEAST_SCORE, axis=0)
    return str(relative.map(math.log).mean().idxmin())


def _side_by_side(results: pd.DataFrame, chosen: str, default: str) -> pd.DataFrame:
    """One row a case: series, horizon, figures of what was chosen, mase of naive and defaults."""
    key = ["series", "horizon"]
    by_name = {
        name: results[results.forecaster == name].reset_index(drop=True)
        for name in (chosen, default, YARDSTICK)
    }
    side = by_name[chosen][[*key, "mase", "covered_80", "covered_95"]]
    return side.assign(default_mase=by_name[default].mase, naive_mase=by_name[YARDSTICK].mase)


def _figures(side: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for horizon in HORIZONS_S:
        own = side[side.horizon == horizon]
        naive = max(float(own.naive_mase.mean()), 1e-9)
        found |= {
            f"relative_mase_{horizon}": float(own.mase.mean()) / naive,
            f"default_mase_{horizon}": float(own.default_mase.mean()) / naive,
            f"covered_80_{horizon}": float(own.covered_80.mean()),
            f"covered_95_{horizon}": float(own.covered_95.mean()),
        }
    return found


def _bootstrap(side: pd.DataFrame) -> tuple[dict[str, float], dict[str, float]]:
    """5 and 95 % quantiles of the figures when series are drawn anew."""
    rng = np.random.default_rng(0)
    columns = ["mase", "default_mase", "naive_mase", "covered_80", "covered_95"]
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    for horizon in HORIZONS_S:
        own = side[side.horizon == horizon]
        total = own.groupby("series")[columns].sum().to_numpy()
        count = own.groupby("series").size().to_numpy()
        drawn = rng.integers(0, len(total), (DRAWS, len(total)))
        mase, default, naive, inside_80, inside_95 = total[drawn].sum(axis=1).T
        cases = count[drawn].sum(axis=1)
        for name, value in (
            ("relative_mase", mase / np.maximum(naive, 1e-9)),
            ("default_mase", default / np.maximum(naive, 1e-9)),
            ("covered_80", inside_80 / cases),
            ("covered_95", inside_95 / cases),
        ):
            low[f"{name}_{horizon}"], high[f"{name}_{horizon}"] = np.quantile(value, (0.05, 0.95))
    return low, high

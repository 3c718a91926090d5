"""`vigil bench forecast`: rolling origins over real series, all forecasters on the same histories.

MASE is scaled by the history's own change from day to day, so that series of all sizes weigh alike.
WIS is the weighted interval score at the same scale, from the quantiles 2.5, 10, 50, 90, 97.5 %.

Sources: Hyndman and Koehler, International Journal of Forecasting 22(4), 2006 (MASE); Bracher et
al., PLOS Computational Biology 17(2), 2021 (WIS).
"""

import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vigil.bench.forecast_peers import LEVELS, ForecastPeer
from vigil.collect.series_csv import read_series
from vigil.errors import InputError
from vigil.forecast.regular import RegularSeries, regular

# One forecast of the longest is judged at each of them.
HORIZONS_S = {"1h": 3_600.0, "24h": 86_400.0}
# Origins lie in the last part of each series and leave a day to judge.
FIRST_ORIGIN = 0.5
YARDSTICK, OURS = "seasonal_naive", "vigil"
DRAWS = 1_000
# Added to both errors that are compared: a series that the day before forecasts perfectly has no
# ratio, and a hundredth of its usual change is as good as perfect.
NEGLIGIBLE = 0.01


@dataclass(frozen=True, slots=True)
class ForecastCase:
    """A history of `origin` steps, NaN where nothing was measured, though not at its end, and the
    day after it; `measured` says which of the actual values count, `steps` how many belong to each
    horizon. with_peers: whether peers forecast it too.
    """

    family: str
    series: str
    origin: int
    history: pd.Series
    day_steps: int
    actual: np.ndarray
    measured: np.ndarray
    steps: Mapping[str, int]
    with_peers: bool

    @property
    def scale(self) -> float:
        """Mean absolute change from day to day in the history."""
        value = self.history.to_numpy()
        change = np.abs(value[self.day_steps :] - value[: -self.day_steps])
        least = 1e-3 * np.nanmean(np.abs(value))
        return float(max(np.nanmean(change) if np.isfinite(change).any() else 0.0, least, 1e-9))


def forecast_cases(folder: Path, origins: int, peer_origins: int) -> list[ForecastCase]:
    """`origins` cases of each csv below `folder` that has two days before and one after, some
    `peer_origins` of them, evenly spread, for peers too.

    Raises InputError where there are no files.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise InputError(f"no csv files below {folder}")
    cases: list[ForecastCase] = []
    for path in files:
        file = read_series(path)
        cases += _cases_of(path, regular(file.time_s, file.value), origins, peer_origins)
    return cases


def _cases_of(
    path: Path, series: RegularSeries, origins: int, peer_origins: int
) -> Iterator[ForecastCase]:
    day, n = series.day_steps, len(series.value)
    if not day or n < 3 * day + 1:
        return
    values = series.to_pandas().where(series.measured)
    first = max(int(n * FIRST_ORIGIN), 2 * day)
    steps = {name: max(1, round(length_s / series.step_s)) for name, length_s in HORIZONS_S.items()}
    # Nobody forecasts from a gap, and what fills it knows what comes after it.
    possible = np.arange(first, n - day + 1)
    possible = possible[series.measured[possible - 1]]
    chosen = possible[np.unique(np.linspace(0, len(possible) - 1, origins).astype(int))]
    shared = chosen[np.linspace(0, len(chosen) - 1, min(peer_origins, len(chosen))).astype(int)]
    for origin in chosen:
        ahead = slice(origin, origin + day)
        yield ForecastCase(
            path.parent.name, f"{path.parent.name}/{path.stem}", int(origin),
            values.iloc[:origin], day, series.value[ahead], series.measured[ahead],
            steps, origin in shared,
        )  # fmt: skip


def forecasts_to_make(cases: Sequence[ForecastCase], names: Collection[str]) -> int:
    """How often `bench_forecasters` ticks."""
    return sum(len(_forecasters_of(case, names)) for case in cases)


def _forecasters_of(case: ForecastCase, names: Collection[str]) -> list[str]:
    return [name for name in names if case.with_peers or name in (OURS, YARDSTICK)]


def bench_forecasters(
    cases: Sequence[ForecastCase],
    forecasters: Mapping[str, ForecastPeer],
    tick: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """One row a case, horizon and forecaster: mase, wis, covered_80, covered_95, NaN where it
    failed; cpu_s of the whole forecast. Horizons without a measured value are left out.
    """
    for forecast in forecasters.values():
        # Once untimed: the first call also loads and compiles the library.
        _forecast(forecast, cases[0])
    rows = []
    for case in cases:
        for name in _forecasters_of(case, forecasters):
            began = _cpu_s()
            quantile = _forecast(forecasters[name], case)
            seconds = _cpu_s() - began
            for horizon, steps in case.steps.items():
                if case.measured[:steps].any():
                    rows.append(
                        {"family": case.family, "series": case.series, "origin": case.origin,
                         "horizon": horizon, "forecaster": name, "with_peers": case.with_peers,
                         "cpu_s": seconds, **judge(case, quantile, steps)}
                    )  # fmt: skip
            tick()
    return pd.DataFrame(rows)


def _forecast(forecast: ForecastPeer, case: ForecastCase) -> np.ndarray:
    """Quantiles of the day ahead; NaN where a library cannot fit a series."""
    try:
        return forecast(case.history, case.day_steps, len(case.actual))
    except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
        return np.full((len(case.actual), len(LEVELS)), np.nan)


def _cpu_s() -> float:
    """Seconds of this process and of its ended children, in one of which Prophet computes."""
    return sum(os.times()[:4])


def judge(case: ForecastCase, quantile: np.ndarray, steps: int) -> dict[str, float]:
    """Of the first steps: MASE of the middle quantile, WIS, and the share of values within the 80
    and 95 % bands.
    """
    if not np.isfinite(quantile).all():
        return dict.fromkeys(("mase", "wis", "covered_80", "covered_95"), np.nan)
    counts = case.measured[:steps]
    actual, quantile = case.actual[:steps][counts], quantile[:steps][counts]
    away = actual[:, None] - quantile
    levels = np.asarray(LEVELS)
    loss = 2 * np.maximum(levels * away, (levels - 1) * away)
    # A band of no width holds a value that differs by rounding only.
    slack = 1e-9 * (1 + np.abs(actual))
    inside = [
        float(((actual >= quantile[:, q] - slack) & (actual <= quantile[:, -1 - q] + slack)).mean())
        for q in (1, 0)
    ]
    return {
        "mase": float(np.abs(away[:, len(LEVELS) // 2]).mean()) / case.scale,
        "wis": float(loss.mean()) / case.scale,
        "covered_80": inside[0],
        "covered_95": inside[1],
    }


def summarise(results: pd.DataFrame) -> list[dict[str, Any]]:
    """One row a family (and `all`), horizon and forecaster.

    relative_mase: mean MASE over that of seasonal naive on the same cases; worst_series: the
    largest such ratio of one series, worst_at_least: the largest lower limit (95 %, bootstrap over
    its origins), which chance hardly explains; relative_wis: mean WIS over that of Vigil on the
    same cases, above 1 where Vigil is better. The ends of an interval (`_low`, `_high`) are those
    of 90 % had other series and origins been drawn (bootstrap over both). failed: cases without a
    forecast. cpu_s_per_1000: seconds for a thousand series a day ahead.
    """
    key = ["series", "origin", "horizon"]
    for name, column in ((YARDSTICK, "mase"), (OURS, "wis")):
        others = results[results.forecaster == name][[*key, column]]
        results = results.merge(others, on=key, how="left", suffixes=("", f"_{name}"))
    # Origins are moments of a family, also where all are looked at together.
    results = results.assign(group=results.family)
    everything = results.assign(family="all")
    rows = [
        {"family": family, "horizon": horizon, "forecaster": name, **_figures(own)}
        for (family, horizon, name), own in pd.concat([everything, results]).groupby(
            ["family", "horizon", "forecaster"]
        )
    ]
    return [
        {key: round(float(value), 3) if isinstance(value, float) else value
         for key, value in row.items()}
        for row in rows
    ]  # fmt: skip


def _figures(own: pd.DataFrame) -> dict[str, Any]:
    """Of one forecaster's cases of a family and horizon."""
    made = own.dropna(subset="mase")
    naive = f"mase_{YARDSTICK}"
    worst, surely = _worst(made.series, made.mase, made[naive])
    return {
        "mase": made.mase.mean(),
        "relative_mase": made.mase.mean() / max(made[naive].mean(), 1e-9),
        **_interval("relative_mase", made, made.mase, made[naive]),
        "worst_series": worst,
        "worst_at_least": surely,
        "wis": made.wis.mean(),
        "relative_wis": made.wis.mean() / max(made[f"wis_{OURS}"].mean(), 1e-9),
        "covered_80": made.covered_80.mean(),
        **_interval("covered_80", made, made.covered_80),
        "covered_95": made.covered_95.mean(),
        **_interval("covered_95", made, made.covered_95),
        "cpu_s_per_1000": 1000 * own.cpu_s.mean(),
        "cases": len(own),
        "failed": len(own) - len(made),
    }


def _interval(
    name: str, own: pd.DataFrame, value: pd.Series, base: pd.Series | None = None
) -> dict[str, float]:
    """Ends of the 90 % interval of the mean (over that of `base`) when series and moments are drawn
    anew: the series of a family have their moments in common, and what happens then.

    Source: Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2), 2007.
    """
    if not len(own):
        return {f"{name}_low": np.nan, f"{name}_high": np.nan}
    rng = np.random.default_rng(0)
    drawn = np.ones((DRAWS, len(own)))
    for key in (own.series, own.group + "@" + own.origin.astype(str)):
        number, known = pd.factorize(key)
        times = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), DRAWS)
        drawn *= times[:, number]
    upper = drawn @ value.to_numpy(float)
    lower = drawn @ (np.ones(len(own)) if base is None else base.to_numpy(float))
    # Few series and moments may all be missed by a draw, which then says nothing.
    ratio = upper[lower > 0] / lower[lower > 0]
    low, high = np.quantile(ratio, (0.05, 0.95)) if len(ratio) else (np.nan, np.nan)
    return {f"{name}_low": float(low), f"{name}_high": float(high)}


def _worst(series: pd.Series, mase: pd.Series, naive: pd.Series) -> tuple[float, float]:
    """The largest ratio of one series, and the largest of the lower limits of such ratios."""
    rng = np.random.default_rng(0)
    ratio, surely = [], []
    for _, own in pd.DataFrame({"mase": mase, "naive": naive}).groupby(series):
        both = own.to_numpy() + NEGLIGIBLE
        upper, lower = both[rng.integers(0, len(both), (DRAWS, len(both)))].mean(axis=1).T
        ratio.append(both[:, 0].mean() / both[:, 1].mean())
        surely.append(np.quantile(upper / lower, 0.05))
    return max(ratio, default=np.nan), float(max(surely, default=np.nan))


def plot_coverage(path: Path, results: pd.DataFrame) -> None:
    """PNG: share of values inside Vigil's 80 and 95 % bands by family, a panel a horizon."""
    from matplotlib.figure import Figure

    own = results[results.forecaster == OURS]
    figure = Figure(figsize=(11, 0.3 * own.family.nunique() + 1.6), layout="constrained")
    panels = figure.subplots(1, len(HORIZONS_S), sharey=True)
    for axes, horizon in zip(panels, HORIZONS_S, strict=True):
        shares = own[own.horizon == horizon].groupby("family")[["covered_80", "covered_95"]].mean()
        for column, nominal, asked, colour in (
            ("covered_80", 0.8, 0.03, "tab:blue"),
            ("covered_95", 0.95, 0.02, "tab:orange"),
        ):
            axes.axvline(nominal, color=colour, lw=0.8, ls="--")
            axes.axvspan(nominal - asked, nominal + asked, color=colour, alpha=0.12, lw=0)
            axes.plot(shares[column], shares.index, "o", ms=5, color=colour,
                      label=f"{nominal:.0%} band")  # fmt: skip
        axes.set(title=f"{horizon} ahead", xlim=(0.4, 1.01), xlabel="share of values inside")
    panels[0].legend(loc="lower left", fontsize=8)
    figure.savefig(path, dpi=110)

"""`vigil bench forecast`: rolling origins over real series, all forecasters on the same histories.

MASE is scaled by the history's own change from day to day, so that series of all sizes weigh alike.
WIS is the weighted interval score at the same scale, from the quantiles 2.5, 10, 50, 90, 97.5 %.

Sources: Hyndman and Koehler, International Journal of Forecasting 22(4), 2006 (MASE); Bracher et
al., PLOS Computational Biology 17(2), 2021 (WIS).
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vigil.bench.forecast_peers import LEVELS, ForecastPeer
from vigil.collect.series_csv import read_series
from vigil.errors import InputError
from vigil.forecast.regular import RegularSeries, regular

HORIZONS_S = {"1h": 3_600.0, "24h": 86_400.0}
# Origins lie in the last part of each series and leave a day to judge.
FIRST_ORIGIN = 0.5
YARDSTICK = "seasonal_naive"


@dataclass(frozen=True, slots=True)
class ForecastCase:
    """A history and what came after it; `measured` says which of the actual values count."""

    family: str
    series: str
    horizon: str
    history: pd.Series
    day_steps: int
    actual: np.ndarray
    measured: np.ndarray

    @property
    def scale(self) -> float:
        """Mean absolute change from day to day in the history."""
        value = self.history.to_numpy()
        change = np.abs(value[self.day_steps :] - value[: -self.day_steps]).mean()
        return float(max(change, 1e-3 * np.abs(value).mean(), 1e-9))


def forecast_cases(folder: Path, origins: int) -> list[ForecastCase]:
    """`origins` cases a horizon of each csv below `folder` that has two days before and one after.

    Raises InputError where there are no files.
    """
    files = sorted(folder.rglob("*.csv"))
    if not files:
        raise InputError(f"no csv files below {folder}")
    cases: list[ForecastCase] = []
    for path in files:
        file = read_series(path)
        cases += _cases_of(path, regular(file.time_s, file.value), origins)
    return cases


def _cases_of(path: Path, series: RegularSeries, origins: int) -> Iterator[ForecastCase]:
    day, n = series.day_steps, len(series.value)
    if not day or n < 3 * day + 1:
        return
    seconds = series.start_s + series.step_s * np.arange(n)
    index = pd.DatetimeIndex((seconds * 1e6).astype("datetime64[us]"))
    values = pd.Series(series.value, index=index)
    freq = pd.offsets.Milli(round(1000 * series.step_s))
    first = max(int(n * FIRST_ORIGIN), 2 * day)
    for origin in np.unique(np.linspace(first, n - day, origins).astype(int)):
        for horizon, length_s in HORIZONS_S.items():
            steps = max(1, round(length_s / series.step_s))
            ahead = slice(origin, origin + steps)
            if series.measured[ahead].any():
                yield ForecastCase(
                    path.parent.name, f"{path.parent.name}/{path.stem}", horizon,
                    values.iloc[:origin].asfreq(freq), day, series.value[ahead],
                    series.measured[ahead],
                )  # fmt: skip


def bench_forecasters(
    cases: Sequence[ForecastCase],
    forecasters: Mapping[str, ForecastPeer],
    tick: Callable[[], None] = lambda: None,
) -> pd.DataFrame:
    """One row a case and forecaster: mase, wis, covered_80, covered_95, seconds; NaN where it
    failed.
    """
    rows = []
    for case in cases:
        for name, forecast in forecasters.items():
            began = time.process_time()
            try:
                quantile = forecast(case.history, case.day_steps, len(case.actual))
            except (ValueError, ArithmeticError, IndexError, np.linalg.LinAlgError):
                # A library that cannot fit a series loses it; the others go on.
                quantile = np.full((len(case.actual), len(LEVELS)), np.nan)
            seconds = time.process_time() - began
            rows.append(
                {"family": case.family, "series": case.series, "horizon": case.horizon,
                 "forecaster": name, "cpu_s": seconds, **judge(case, quantile)}
            )  # fmt: skip
            tick()
    return pd.DataFrame(rows)


def judge(case: ForecastCase, quantile: np.ndarray) -> dict[str, float]:
    """MASE of the middle quantile, WIS, and the share of values within the 80 and 95 % bands."""
    if not np.isfinite(quantile).all():
        return dict.fromkeys(("mase", "wis", "covered_80", "covered_95"), np.nan)
    actual, quantile = case.actual[case.measured], quantile[case.measured]
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

    relative_mase: mean MASE over that of seasonal naive; worst_series: the largest such ratio of
    one series. failed: cases without a forecast. cpu_s_per_1000: seconds for a thousand series.
    """
    rows = []
    everything = results.assign(family="all")
    for (family, horizon), group in pd.concat([everything, results]).groupby(["family", "horizon"]):
        yardstick = group[group.forecaster == YARDSTICK]
        for name, own in group.groupby("forecaster"):
            ratio = _ratios(own, yardstick)
            rows.append({
                "family": family, "horizon": horizon, "forecaster": name,
                "mase": own.mase.mean(),
                "relative_mase": own.mase.mean() / max(yardstick.mase.mean(), 1e-9),
                "worst_series": ratio.max(),
                "wis": own.wis.mean(),
                "covered_80": own.covered_80.mean(), "covered_95": own.covered_95.mean(),
                "cpu_s_per_1000": 1000 * own.cpu_s.mean(),
                "cases": len(own), "failed": int(own.mase.isna().sum()),
            })  # fmt: skip
    return [
        {key: round(float(value), 3) if isinstance(value, float) else value
         for key, value in row.items()}
        for row in rows
    ]  # fmt: skip


def _ratios(own: pd.DataFrame, yardstick: pd.DataFrame) -> pd.Series:
    ours = own.groupby("series").mase.mean()
    theirs = yardstick.groupby("series").mase.mean()
    return (ours + 1e-6) / (theirs + 1e-6)


def plot_coverage(path: Path, results: pd.DataFrame) -> None:
    """PNG: share of values inside Vigil's 80 and 95 % bands by family, a panel a horizon."""
    from matplotlib.figure import Figure

    own = results[results.forecaster == "vigil"]
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

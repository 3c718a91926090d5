"""`vigil bench calibration`: is the false-alarm rate that is asked for the one that is reached.

Seeded clean series of every kind the detector knows, with and without season, heavy tails,
autocorrelation and noise that grows. A point is a false alarm at rate r where p <= r.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vigil.detect import MetricKind, Observations, OnlineDetector

POINTS = 20_000
WARM_UP_POINTS = 2_000
ASKED = (0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
MINUTE_S, DAY_S = 60.0, 86_400.0


@dataclass(frozen=True, slots=True)
class CleanSeries:
    """Values of one kind and the requests behind each, a value a minute."""

    kind: MetricKind
    value: np.ndarray
    weight: np.ndarray


def clean_series(points: int, seed: int) -> Mapping[str, CleanSeries]:
    """Series without any anomaly, by what is special about them."""
    rng = np.random.default_rng(seed)
    day = np.sin(2 * np.pi * np.arange(points) * MINUTE_S / DAY_S)
    noise = rng.normal(size=points)
    counts = rng.poisson(60 * (1 + 0.6 * day)).astype(float)
    plain = {
        "normal noise": 50 + noise,
        "heavy tails (t, 3 degrees)": 50 + rng.standard_t(3, points),
        "skewed (log-normal)": np.exp(3 + 0.5 * noise),
        "daily season": 50 + 20 * day + 2 * noise,
        "autocorrelated": 50 + _autoregressive(noise, 0.7),
        "small counts": rng.poisson(3, points).astype(float),
        "growing noise": 50 + noise * np.linspace(1, 3, points),
    }
    ones = np.ones(points)
    series = {name: CleanSeries(MetricKind.GENERIC, v, ones) for name, v in plain.items()}
    errors = rng.binomial(200, 0.01, points) / 200
    latency = 80 * np.exp(0.15 * rng.normal(size=points))
    return {
        **series,
        "request rate": CleanSeries(MetricKind.RATE, counts / MINUTE_S, counts),
        "error ratio": CleanSeries(MetricKind.RATIO, errors, 200 * ones),
        "latency": CleanSeries(MetricKind.LATENCY, latency, 50 * ones),
    }


def _autoregressive(noise: np.ndarray, memory: float) -> np.ndarray:
    from scipy.signal import lfilter

    filtered: np.ndarray = lfilter([1.0], [1.0, -memory], noise)
    return filtered


def bench_calibration(
    points: int = POINTS,
    seed: int = 0,
    asked: Sequence[float] = ASKED,
    tick: Callable[[], None] = lambda: None,
) -> list[dict[str, Any]]:
    """One row a series: {"series", asked rate: reached rate …}."""
    rows = []
    for name, item in clean_series(points, seed).items():
        found = OnlineDetector().update(
            Observations(
                series_id=np.zeros(points, np.int64),
                time_s=4 * DAY_S + np.arange(points) * MINUTE_S,
                value=item.value,
                weight=item.weight,
                kind=np.full(points, item.kind, np.int8),
            )
        )
        judged = found.p[WARM_UP_POINTS:]
        reached = {str(rate): round(float((judged <= rate).mean()), 5) for rate in asked}
        rows.append({"series": name, **reached})
        tick()
    return rows


def plot_calibration(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a PNG: reached over asked rate for each series, with the band of factor two."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    asked = [float(rate) for rate in rows[0] if rate != "series"]
    low, high = min(asked), max(asked)
    axes.fill_between(
        [low, high], [low / 2, high / 2], [2 * low, 2 * high],
        color="tab:green", alpha=0.15, lw=0, label="within a factor of 2",
    )  # fmt: skip
    axes.plot([low, high], [low, high], color="tab:green", lw=0.8)
    for row in rows:
        reached = [float(row[str(rate)]) for rate in asked]
        axes.plot(asked, reached, "o-", ms=3, lw=1, label=row["series"])
    axes.set(xscale="log", yscale="log", xlabel="asked rate", ylabel="reached rate")
    axes.set_title("False alarms on clean series", loc="left")
    axes.legend(fontsize=7)
    figure.savefig(path, dpi=80)

"""Values with the expected band and the flags: the picture people judge a detector by."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vigil.detect.online import Decisions


def plot_decisions(
    path: Path, title: str, time_s: np.ndarray, value: np.ndarray, decisions: Decisions
) -> None:
    """Write a PNG: value and band above, score below."""
    order = np.argsort(time_s, kind="stable")
    when = (time_s[order] * 1e6).astype("datetime64[us]")
    figure = Figure(figsize=(12, 5), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    draw_series(
        above, when, value[order], decisions.expected[order], decisions.lower[order],
        decisions.upper[order], decisions.flagged[order],
    )  # fmt: skip
    above.set_title(title, loc="left")
    below.plot(when, -np.log10(np.maximum(decisions.p[order], 1e-16)), lw=0.7, color="tab:purple")
    below.set_ylabel("−log₁₀ p")
    figure.savefig(path, dpi=110)


def draw_series(
    axes: Axes,
    when: np.ndarray,
    actual: np.ndarray,
    expected: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    flagged: np.ndarray,
) -> None:
    """Actual values over the expected band; flagged points in red."""
    axes.fill_between(when, lower, upper, color="tab:blue", alpha=0.15, lw=0, label="usual band")
    axes.plot(when, expected, lw=0.8, color="tab:blue", label="expected")
    axes.plot(when, actual, lw=0.8, color="black", label="actual")
    axes.plot(when[flagged], actual[flagged], "o", ms=3, color="tab:red", label="flagged")
    finite = actual[np.isfinite(actual)]
    if len(finite):
        # The band may start wide; the values set the scale.
        low, high = finite.min(), finite.max()
        margin = 0.05 * (high - low) or 1.0
        axes.set_ylim(low - margin, high + margin)
    axes.legend(loc="upper left", fontsize=7, ncols=4)

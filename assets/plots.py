"""Plots for the metadata of a materialisation."""

import base64
import io
from collections.abc import Sequence

import dagster as dg
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from vigil.detect.plot import draw_series


def markdown(figure: Figure) -> dg.MarkdownMetadataValue:
    """The figure as an inline picture."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=80)
    encoded = base64.b64encode(out.getvalue()).decode()
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{encoded})")


def lines_plot(title: str, frames: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """One panel a (name, frame); each column of the frame is a line over its index."""
    figure = Figure(figsize=(10, 2.2 * max(1, len(frames))), layout="constrained")
    panels = np.atleast_1d(figure.subplots(max(1, len(frames)), 1))
    figure.suptitle(title)
    for axes, (name, frame) in zip(panels, frames, strict=False):
        for column in frame:
            axes.plot(frame.index, frame[column], lw=0.9, label=str(column))
        axes.set_title(name, loc="left", fontsize=9)
        axes.legend(fontsize=7, ncols=len(frame.columns))
    return figure


def scores_plot(title: str, panels: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """One panel a (name, frame with actual, expected, lower, upper, flagged by time)."""
    figure = Figure(figsize=(10, 2.5 * max(1, len(panels))), layout="constrained")
    all_axes = np.atleast_1d(figure.subplots(max(1, len(panels)), 1))
    figure.suptitle(title)
    for axes, (name, frame) in zip(all_axes, panels, strict=False):
        draw_series(
            axes,
            frame.index.to_numpy(),
            frame["actual"].to_numpy(float),
            frame["expected"].to_numpy(float),
            frame["lower"].to_numpy(float),
            frame["upper"].to_numpy(float),
            frame["flagged"].to_numpy(bool),
        )
        axes.set_title(name, loc="left", fontsize=9)
    return figure


def bars_plot(title: str, labels: Sequence[str], values: Sequence[float]) -> Figure:
    """A horizontal bar a label, the first on top."""
    figure = Figure(figsize=(8, 1.2 + 0.3 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.barh(labels, values, color="#0072b2")
    axes.invert_yaxis()
    axes.axvline(1.0, color="#555", lw=0.8)
    axes.set_title(title, loc="left", fontsize=9)
    return figure


def calibration_plot(title: str, p: np.ndarray) -> Figure:
    """Share of windows with p at or below each rate, on logarithmic axes; the diagonal is right."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    asked = np.logspace(-3, 0, 40)
    reached = np.searchsorted(np.sort(p), asked, side="right") / max(1, len(p))
    axes.fill_between(asked, asked / 2, asked * 2, color="#0072b2", alpha=0.15, label="factor 2")
    axes.plot(asked, asked, color="#555", lw=0.8)
    axes.plot(asked, np.maximum(reached, 1e-4), color="#d55e00", label=f"{len(p):,} windows")
    axes.set(xscale="log", yscale="log", xlabel="asked rate", ylabel="reached rate")
    axes.set_title(title, loc="left", fontsize=9)
    axes.legend(fontsize=7)
    return figure

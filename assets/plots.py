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

"""Scores as an interactive figure: the value in its usual band, and how unusual it was."""

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from vigil.errors import UsageError

MOST_SERIES = 8

# Okabe and Ito's colours: told apart by people who see fewer.
_BAND, _EXPECTED, _FLAG, _UNUSUAL = "rgba(0,114,178,.16)", "#0072b2", "#d55e00", "#cc79a7"


def scores_figure(scores: pl.DataFrame) -> go.Figure:
    """One pair of panels a series: value with band and flags, and −log₁₀ p below.

    Raises UsageError for no series or more than eight.
    """
    numbers = scores["series_id"].unique(maintain_order=True).to_list()
    if not 1 <= len(numbers) <= MOST_SERIES:
        raise UsageError(
            f"a plot shows 1 to {MOST_SERIES} series, got {len(numbers)}: narrow the selection, "
            "e.g. with series_id=…"
        )
    figure = make_subplots(
        rows=2 * len(numbers),
        cols=1,
        shared_xaxes=True,
        row_heights=[3, 1] * len(numbers),
        vertical_spacing=0.04 / len(numbers),
    )
    for index, number in enumerate(numbers):
        rows = scores.filter(pl.col("series_id") == number).sort("window_start")
        _draw(figure, rows, 2 * index + 1, first=index == 0)
    figure.update_layout(
        height=120 + 300 * len(numbers),
        margin={"l": 60, "r": 20, "t": 40, "b": 30},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        hovermode="x unified",
    )
    return figure


def _draw(figure: go.Figure, rows: pl.DataFrame, row: int, first: bool) -> None:
    at = rows["window_start"].to_list()
    flagged = rows.filter("flagged")
    unusual = -np.log10(np.maximum(rows["p"].to_numpy(), 1e-16))
    band = {"line": {"width": 0}, "hoverinfo": "skip", "legendgroup": "band"}
    thin = {"width": 1.2}
    traces = [
        go.Scatter(x=at, y=rows["upper"].to_list(), showlegend=False, **band),
        go.Scatter(
            x=at, y=rows["lower"].to_list(), name="usual band", fill="tonexty", fillcolor=_BAND,
            showlegend=first, **band,
        ),
        go.Scatter(
            x=at, y=rows["expected"].to_list(), name="expected", line={"color": _EXPECTED, **thin},
            legendgroup="expected", showlegend=first,
        ),
        go.Scatter(
            x=at, y=rows["actual"].to_list(), name="actual", line={"color": "#555", **thin},
            legendgroup="actual", showlegend=first,
        ),
        go.Scatter(
            x=flagged["window_start"].to_list(), y=flagged["actual"].to_list(), name="flagged",
            mode="markers", marker={"color": _FLAG, "symbol": "diamond", "size": 7},
            legendgroup="flagged", showlegend=first,
        ),
    ]  # fmt: skip
    for trace in traces:
        figure.add_trace(trace, row=row, col=1)
    score = go.Scatter(x=at, y=unusual, name="−log₁₀ p", line={"color": _UNUSUAL, "width": 1},
                       legendgroup="p", showlegend=first)  # fmt: skip
    figure.add_trace(score, row=row + 1, col=1)
    place = rows.row(0, named=True)
    route = " ".join(part for part in (place["method"], place["route"]) if part)
    figure.update_yaxes(title_text=f"{place['metric']}<br>{place['service']} {route}", row=row)

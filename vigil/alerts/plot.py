"""The picture in a message: the last hour of the series that is most unusual."""

import io
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np


def alert_plot(document: Mapping[str, Any]) -> bytes | None:
    """A PNG of `document["recent"]` (see `vigil.alerts.context`); None where there is none."""
    recent = document.get("recent")
    if not recent or not recent["actual"]:
        return None
    # Imported on use: starting matplotlib takes longer than sending the message.
    from matplotlib.figure import Figure

    from vigil.detect.plot import draw_series

    start_at = datetime.fromisoformat(recent["start_at"])
    when = np.array(
        [
            (start_at + timedelta(seconds=offset)).replace(tzinfo=None)
            for offset in recent["offset_s"]
        ],
        dtype="datetime64[us]",
    )
    actual, expected, lower, upper = (
        np.array([np.nan if value is None else value for value in recent[name]], float)
        for name in ("actual", "expected", "lower", "upper")
    )
    figure = Figure(figsize=(8, 2.6), layout="constrained")
    axes = figure.subplots()
    flagged = np.array(recent["flagged"], bool)
    draw_series(axes, when, actual, expected, lower, upper, flagged)
    axes.set_title(recent["series"], loc="left", fontsize=9)
    axes.tick_params(labelsize=8)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=120)
    return out.getvalue()

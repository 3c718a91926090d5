"""Alerts to label in a notebook: a row each, with what was around it and three buttons."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import anywidget
import polars as pl
import traitlets

from vigil.detect.feedback import Verdict
from vigil.errors import VigilError
from vigil.incidents.incident import series_name
from vigil.wording import counted

STATIC = Path(__file__).parent / "static"
MOST_ROWS = 50
# Windows before and after an alert that are drawn with it.
AROUND = 30

# Keeps a verdict on the window of a series; returns what became of it in words.
Keep = Callable[[int, datetime, Verdict], str]


class LabelWidget(anywidget.AnyWidget):
    """Alerts with buttons for true, false and expected; a click is kept at once.

    `rows` are what is shown, `verdicts` what was given: row → verdict.
    """

    _esm = STATIC / "labels.js"
    _css = STATIC / "labels.css"
    rows = traitlets.List(traitlets.Dict()).tag(sync=True)
    verdicts = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)

    def __init__(self, scores: pl.DataFrame, keep: Keep) -> None:
        self._alerts = alerts_of(scores)
        self._keep = keep
        super().__init__(rows=[_shown(number, alert) for number, alert in enumerate(self._alerts)])
        self.on_msg(self._clicked)

    def _clicked(self, widget: Any, message: dict[str, Any], buffers: list[bytes]) -> None:
        """A verdict from the page; what is refused is said there."""
        number, verdict = str(message["row"]), Verdict(message["verdict"])
        alert = self._alerts[int(number)]
        try:
            self.said = self._keep(alert["series_id"], alert["window_start"], verdict)
        except VigilError as error:
            self.said = str(error)
            return
        self.verdicts = {**self.verdicts, number: verdict.value}


def alerts_of(scores: pl.DataFrame) -> list[dict[str, Any]]:
    """The first window of each spell of flags, the newest first, MOST_ROWS at most.

    `scores` as `Client.scores` gives them, by series and time. Each alert has the columns of its
    window and, as lists, `actual`, `lower` and `upper` of the windows around it; `place` is its
    own index in these, `lasted` the number of flagged windows of the spell.
    """
    alerts = []
    for _, rows in scores.group_by("series_id", maintain_order=True):
        spell = rows["flagged"].rle_id()
        numbered = rows.with_row_index("row").with_columns(spell=spell)
        first = numbered.filter("flagged").group_by("spell", maintain_order=True)
        for begin in first.agg(pl.col("row").first(), lasted=pl.len()).to_dicts():
            start = max(begin["row"] - AROUND, 0)
            around = rows[start : begin["row"] + AROUND + 1]
            window = rows.row(begin["row"], named=True)
            drawn = {name: around[name].to_list() for name in ("actual", "lower", "upper")}
            where = {"place": begin["row"] - start, "lasted": begin["lasted"]}
            alerts.append(window | {"value": window["actual"]} | drawn | where)
    alerts.sort(key=lambda alert: alert["window_start"], reverse=True)
    return alerts[:MOST_ROWS]


def _shown(number: int, alert: dict[str, Any]) -> dict[str, Any]:
    """A row as the page draws it."""
    value = "nothing" if alert["value"] is None else f"{alert['value']:.4g}"
    expected = "nothing" if alert["expected"] is None else f"{alert['expected']:.4g}"
    return {
        "row": number,
        "when": f"{alert['window_start']:%Y-%m-%d %H:%M:%S}",
        "series": series_name(alert["metric"], alert),
        "words": f"{value}, expected {expected}; {counted(alert['lasted'], 'window')}",
        "at": alert["place"],
        **{name: alert[name] for name in ("actual", "lower", "upper")},
    }

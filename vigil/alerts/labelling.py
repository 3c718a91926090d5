"""An operator's verdict on a window: from what the ledger says of it to a kept label."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from vigil.alerts.why import Ledger
from vigil.detect.feedback import Verdict, deviation_of
from vigil.errors import VigilError
from vigil.stores.labels import LabelStore
from vigil.stores.timescale import WindowStore
from vigil.stream.scoring import kind_of


class NoSuchWindow(VigilError):
    """The ledger knows no window of the series at that time."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label as it was kept; `deviation` in robust standard deviations."""

    label_id: int
    series_id: int
    series: str
    window_start: datetime
    verdict: Verdict
    deviation: float


def label_window(
    engine: sa.Engine,
    ledger: Ledger,
    series: str,
    at: datetime,
    verdict: Verdict,
    note: str,
    author: str,
) -> Labelled:
    """Keep the author's verdict on the window of a series that holds `at`.

    Raises UsageError where `series` means none or several, NoSuchWindow where none is known then.
    """
    answer = ledger.explain(series, at)
    if answer.window_start is None:
        raise NoSuchWindow(" ".join(answer.words))
    known = WindowStore(engine).series().filter(pl.col("series_id") == answer.series_id)
    last = answer.decisions[-1]
    values = [float("nan") if last[n] is None else last[n] for n in ("actual", "expected", "upper")]
    deviation = deviation_of(kind_of(known["metric"].item()), *values)
    label = LabelStore(engine).add(
        answer.series_id, answer.window_start, verdict, deviation, note, author
    )
    return Labelled(
        label.label_id, answer.series_id, answer.series, answer.window_start, verdict, deviation
    )

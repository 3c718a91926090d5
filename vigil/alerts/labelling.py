"""An operator's verdict on a window or an incident, from the ledger to a kept label."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.alerts.why import Ledger
from vigil.detect.feedback import Verdict, deviation_of
from vigil.errors import UsageError, VigilError
from vigil.incidents.incident import series_name
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
    deviation = _deviation(known["metric"].item(), answer.decisions[-1])
    label = LabelStore(engine).add(
        answer.series_id, answer.window_start, verdict, deviation, note, author
    )
    return Labelled(
        label.label_id, answer.series_id, answer.series, answer.window_start, verdict, deviation
    )


def label_incident(
    engine: sa.Engine, document: Mapping[str, Any], verdict: Verdict, note: str, author: str
) -> list[Labelled]:
    """Keep the author's verdict on the worst window of each series of an incident's document.

    Raises UsageError where it lists no series.
    """
    if not document.get("series"):
        raise UsageError(f"incident {document['incident_id']} has no series left to judge")
    store, kept = LabelStore(engine), []
    for item in document["series"]:
        at, deviation = datetime.fromisoformat(item["worst_at"]), _deviation(item["metric"], item)
        label = store.add(item["series_id"], at, verdict, deviation, note, author)
        name = series_name(item["metric"], item)
        kept.append(Labelled(label.label_id, item["series_id"], name, at, verdict, deviation))
    return kept


def _deviation(metric: str, decision: Mapping[str, Any]) -> float:
    values = (decision[name] for name in ("actual", "expected", "upper"))
    return deviation_of(kind_of(metric), *(float("nan") if v is None else v for v in values))

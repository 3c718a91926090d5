"""Completes an alert with what only the database knows: recent values, earlier incidents, links."""

import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import polars as pl
import sqlalchemy as sa

from vigil.alerts.card import cause_name
from vigil.alerts.outside import outside_words
from vigil.alerts.policy.schema import Links
from vigil.incidents.incident import series_name
from vigil.stores.alerting import AlertStore
from vigil.stores.timescale import WindowStore

RECENT = timedelta(hours=1)
POINTS = 360
SIMILAR = 3
VERDICTS = {"true": "a real fault", "false": "a false alarm", "expected": "an expected change"}


class Context:
    """Adds `recent`, `similar` and `links` to alert documents."""

    def __init__(self, engine: sa.Engine, links: Links) -> None:
        self._windows = WindowStore(engine)
        self._links = links

    def complete(self, document: Mapping[str, Any], store: AlertStore) -> dict[str, Any]:
        """The document with everything that a message shows."""
        cause = [*document.get("cause", ()), *outside_words(store.connection, document)]
        return {
            **document,
            "cause": cause,
            "recent": self._recent(document),
            "similar": similar_words(store, document),
            "links": links(self._links, document),
        }

    def _recent(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The last hour of the worst series: offsets in s, values, band and flags."""
        if not document.get("series"):
            return {}
        series = document["series"][0]
        end_at = datetime.fromisoformat(document["at"]) + timedelta(microseconds=1)
        start_at = end_at - RECENT
        rows = self._windows.scores(start_at, end_at, series_ids=[series["series_id"]])
        rows = rows.unique("window_start", keep="last", maintain_order=True).tail(POINTS)
        offsets = (pl.col("window_start") - start_at).dt.total_microseconds() / 1e6
        return {
            "series": series_name(series["metric"], series),
            "start_at": start_at.isoformat(),
            "offset_s": rows.select(offsets).to_series().to_list(),
            **{
                name: rows[name].to_list()
                for name in ("actual", "expected", "lower", "upper", "flagged")
            },
        }


def similar_words(store: AlertStore, document: Mapping[str, Any]) -> list[str]:
    """Earlier incidents of the same origin or cause, and how they ended."""
    found = store.similar(document, SIMILAR)
    acknowledged = store.acknowledgements(item["incident_id"] for item in found)
    words = []
    for item in found:
        opened_at = datetime.fromisoformat(item["opened_at"])
        by = acknowledged.get(item["incident_id"], ("",))[0]
        words.append(
            f"{opened_at:%Y-%m-%d %H:%M}: {item['title']}; {_ended(item, by)}"
            f" ({item['incident_id']})"
        )
    return words


def _ended(document: Mapping[str, Any], by: str) -> str:
    """How long it lasted, what it was put down to, who took care, and what people made of it."""
    if document["status"] == "withdrawn":
        return "late data took its reason away"
    resolved_at = datetime.fromisoformat(document["resolved_at"])
    minutes = (resolved_at - datetime.fromisoformat(document["opened_at"])).total_seconds() / 60
    said = [f"over after {minutes:.0f} min"]
    if document.get("causes"):
        said.append(f"put down to {cause_name(document)}")
    if by:
        said.append(f"{by} took care of it")
    if label := document["label"]:
        note = f" ({label['note']})" if label["note"] else ""
        said.append(f"labelled {VERDICTS[label['verdict']]}{note}")
    return ", ".join(said)


def links(templates: Links, document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Name and address of each link whose template can be filled."""
    traces = document.get("trace_ids") or [None]
    values = {**document, "trace_id": traces[0]}
    found = []
    for name, template in templates.model_dump().items():
        url = _filled(template, values)
        if url:
            found.append({"name": name.capitalize(), "url": url})
    return found


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with its fields quoted for an address; empty where one is unknown."""
    names = {name for _, name, _, _ in string.Formatter().parse(template) if name}
    if any(values.get(name) is None for name in names):
        return ""
    return template.format_map({name: quote(str(values[name]), safe="") for name in names})

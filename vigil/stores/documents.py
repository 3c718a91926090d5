"""Scores, alerts and log lines as documents: Elastic Common Schema, Vigil's own under `vigil`."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
import polars as pl

from vigil.events.schema import stable_id

SCORES_INDEX = "vigil-scores"
ALERTS_INDEX = "vigil-alerts"
LINES_INDEX = "vigil-logs"
GRAPH_INDEX = "vigil-graph"
# What has no caller was called by a user, or by somebody unknown.
USER = "user"

_OWN = (
    "series_id", "metric", "revision", "actual", "weight", "expected", "lower", "upper",
    "p", "score", "flagged", "gate", "warming_up", "model",
)  # fmt: skip


def score_id(row: dict[str, Any]) -> str:
    """The same for the same decision, whenever and by whomever it is written."""
    return f"{row['series_id']}-{int(row['window_start'].timestamp())}-{row['revision']}"


def score_documents(scored: pl.DataFrame) -> list[dict[str, Any]]:
    """One document a row of scores with key columns; `_id` is set, instants are ISO 8601."""
    return [_score_document(row) for row in scored.iter_rows(named=True)]


def _score_document(row: dict[str, Any]) -> dict[str, Any]:
    document = {
        "_id": score_id(row),
        "@timestamp": row["window_start"].isoformat(),
        "event": {"kind": "metric", "dataset": "vigil.scores"},
        "service": {"name": row["service"], "environment": row["environment"]},
        "cloud": {"provider": row["cloud"], "region": row["region"]},
        "http": {"request": {"method": row["method"]}, "route": row["route"]},
        "labels": {"tenant": row["tenant"]},
        "vigil": {name: row[name] for name in _OWN},
    }
    return _without_nulls(document)


def edge_documents(edges: pl.DataFrame) -> list[dict[str, Any]]:
    """One document a call and minute, from edges (columns `EDGES` of `vigil.journeys.graph`)."""
    return [_edge_document(row) for row in edges.iter_rows(named=True)]


def _edge_document(row: dict[str, Any]) -> dict[str, Any]:
    place = [row["window_start"].isoformat(), row["caller"], row["service"], row["environment"]]
    document = {
        "_id": f"{stable_id(place) & 0xFFFFFFFFFFFFFFFF:016x}",
        "@timestamp": row["window_start"].isoformat(),
        "event": {"kind": "metric", "dataset": "vigil.graph"},
        "service": {
            "name": row["service"],
            "environment": row["environment"] or None,
            "origin": {"name": row["caller"] or USER},
        },
        "vigil": {
            "requests": row["requests"],
            "errors": row["errors"],
            "error_ratio": row["errors"] / row["requests"],
            "latency_ms_mean": row["duration_ms_sum"] / row["requests"],
            "latency_ms_max": row["duration_ms_max"],
        },
    }
    return _without_nulls(document)


def _without_nulls(document: dict[str, Any]) -> dict[str, Any]:
    """Absent fields are left out, as ECS asks; objects left empty go too."""
    kept: dict[str, Any] = {}
    for name, value in document.items():
        if isinstance(value, dict):
            value = _without_nulls(value)
            if not value:
                continue
        if value is not None:
            kept[name] = value
    return kept


def alert_documents(alerts: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Alerts as they are, with `_id` and `@timestamp`."""
    return [{"_id": alert["alert_id"], "@timestamp": alert["at"], **alert} for alert in alerts]


def line_documents(lines: pl.DataFrame) -> list[dict[str, Any]]:
    """One document a kept log line (schema KEPT_LINES); `vigil.lines`: how many it stands for."""
    return [_line_document(row) for row in lines.iter_rows(named=True)]


def _line_document(row: dict[str, Any]) -> dict[str, Any]:
    document = {
        "_id": row["line_id"],
        "@timestamp": row["time"].isoformat(),
        "message": row["message"],
        "event": {"kind": "event", "dataset": "vigil.logs", "severity": row["severity"]},
        "log": {"level": row["level"]},
        "service": {"name": row["service"], "environment": row["environment"]},
        "cloud": {"provider": row["cloud"], "region": row["region"]},
        "labels": {"tenant": row["tenant"]},
        "trace": {"id": row["trace_id"]},
        "span": {"id": row["span_id"]},
        "attributes": orjson.loads(row["attributes"]) if row["attributes"] else None,
        "vigil": {name: row[name] for name in ("template_id", "template", "lines")},
    }
    return _without_nulls(document)

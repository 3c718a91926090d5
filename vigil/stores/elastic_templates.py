"""What Elasticsearch is told of our documents: fields, index templates, lifecycle policies."""

from typing import Any

from vigil.stores.documents import ALERTS_INDEX, GRAPH_INDEX, LINES_INDEX, SCORES_INDEX


def _policy(rollover_after: str, kept: str) -> dict[str, Any]:
    rollover = {"max_age": rollover_after, "max_primary_shard_size": "30gb"}
    return {
        "phases": {
            "hot": {"actions": {"rollover": rollover}},
            "delete": {"min_age": kept, "actions": {"delete": {}}},
        }
    }


# Index lifecycle: scores are many and soon stale, alerts few and asked for later, lines large.
POLICIES = {
    SCORES_INDEX: _policy("7d", "90d"),
    ALERTS_INDEX: _policy("30d", "400d"),
    GRAPH_INDEX: _policy("7d", "90d"),
    LINES_INDEX: _policy("1d", "14d"),
}

_KEYWORD = {"type": "keyword"}
_DATE = {"type": "date"}
_DOUBLE = {"type": "double"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


SCORE_FIELDS = {
    "@timestamp": _DATE,
    "event": _object(kind=_KEYWORD, dataset=_KEYWORD),
    "service": _object(name=_KEYWORD, environment=_KEYWORD),
    "cloud": _object(provider=_KEYWORD, region=_KEYWORD),
    "http": _object(route=_KEYWORD, request=_object(method=_KEYWORD)),
    "labels": _object(tenant=_KEYWORD),
    "vigil": _object(
        series_id={"type": "long"},
        metric=_KEYWORD,
        revision={"type": "integer"},
        flagged={"type": "boolean"},
        gate={"type": "short"},
        model=_KEYWORD,
        **dict.fromkeys(
            ("actual", "weight", "expected", "lower", "upper", "p", "score", "warming_up"), _DOUBLE
        ),
    ),
}

ALERT_FIELDS = {
    "@timestamp": _DATE,
    **dict.fromkeys(("at", "opened_at", "updated_at", "resolved_at"), _DATE),
    **dict.fromkeys(
        (
            "alert_id",
            "incident_id",
            "action",
            "status",
            "severity",
            "stream",
            "origin",
            "services",
            "callers",
            "callees",
            "tenants",
            "environments",
            "trace_ids",
        ),
        _KEYWORD,
    ),
    **{key: {"type": "text"} for key in ("title", "reason", "cause", "note", "in_common")},
    "causes": _object(
        service=_KEYWORD, environment=_KEYWORD, score=_DOUBLE, evidence={"type": "text"}
    ),
    "excess": _object(
        journey=_KEYWORD,
        expected_ms=_DOUBLE,
        actual_ms=_DOUBLE,
        words={"type": "text"},
        parts={"type": "object", "enabled": False},
    ),
    "slow_environment": _object(name=_KEYWORD, evidence={"type": "text"}),
    "localised_from": _KEYWORD,
    **dict.fromkeys(("requests_affected", "burn_rate", "budget_burnt"), _DOUBLE),
    **{key: {"type": "integer"} for key in ("series_count", "reopenings")},
    # Shown as they are, never searched.
    **{key: {"type": "object", "enabled": False} for key in ("series", "grouping")},
}

GRAPH_FIELDS = {
    "@timestamp": _DATE,
    "event": _object(kind=_KEYWORD, dataset=_KEYWORD),
    "service": _object(name=_KEYWORD, environment=_KEYWORD, origin=_object(name=_KEYWORD)),
    "vigil": _object(
        requests={"type": "long"},
        errors={"type": "long"},
        **dict.fromkeys(("error_ratio", "latency_ms_mean", "latency_ms_max"), _DOUBLE),
    ),
}

# The words of a line, cut by us; they are searched, never shown.
WORDS = "vigil.words"

LINE_FIELDS = {
    "@timestamp": _DATE,
    "message": {"type": "text", "norms": False},
    "event": _object(kind=_KEYWORD, dataset=_KEYWORD, severity={"type": "short"}),
    "log": _object(level=_KEYWORD),
    "service": _object(name=_KEYWORD, environment=_KEYWORD),
    "cloud": _object(provider=_KEYWORD, region=_KEYWORD),
    "labels": _object(tenant=_KEYWORD),
    "trace": _object(id=_KEYWORD),
    "span": _object(id=_KEYWORD),
    # Shown as they are, never searched.
    "attributes": {"type": "object", "enabled": False},
    "vigil": _object(
        template_id=_KEYWORD,
        template=_KEYWORD,
        lines={"type": "long"},
        words={"type": "text", "analyzer": "whitespace", "norms": False},
    ),
}

FIELDS = {
    SCORES_INDEX: SCORE_FIELDS,
    ALERTS_INDEX: ALERT_FIELDS,
    GRAPH_INDEX: GRAPH_FIELDS,
    LINES_INDEX: LINE_FIELDS,
}


def index_template(index: str, streams: bool) -> dict[str, Any]:
    """The index template of one kind of document, with or without a data stream."""
    settings: dict[str, Any] = {"number_of_shards": 1, "refresh_interval": "5s"}
    mappings: dict[str, Any] = {"dynamic": "strict", "properties": FIELDS[index]}
    if index == LINES_INDEX:
        mappings["_source"] = {"excludes": [WORDS]}
    body: dict[str, Any] = {
        "index_patterns": [index] if streams else [f"{index}-*"],
        "priority": 200,
        "template": {"settings": settings, "mappings": mappings},
    }
    if streams:
        settings["index.lifecycle.name"] = index
        body["data_stream"] = {}
    return body

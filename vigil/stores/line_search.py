"""A question for log lines as a search of Elasticsearch."""

from typing import Any

from vigil.logs.words import Phrase
from vigil.stores.elastic_templates import WORDS
from vigil.stores.log_lines import LineQuery

MOST_DOCUMENTS = 10_000


def line_search(query: LineQuery) -> dict[str, Any]:
    """The arguments of the client's `search`."""
    span = {"gte": query.start_at.isoformat(), "lt": query.end_at.isoformat()}
    asked: list[dict[str, Any]] = [{"range": {"@timestamp": span}}]
    for field, value in (
        ("labels.tenant", query.tenant), ("service.environment", query.environment),
    ):  # fmt: skip
        if value is not None:
            asked.append({"term": {field: value}})
    for field, values in (("service.name", query.services), ("trace.id", query.trace_ids)):
        if values:
            asked.append({"terms": {field: list(values)}})
    if query.severity is not None:
        asked.append({"range": {"event.severity": {"gte": query.severity}}})
    if query.template is not None:
        asked.append({"bool": {"should": _template(query.template)}})
    return {
        "query": {
            "bool": {
                "filter": asked + [_phrase(p) for p in query.phrases if not p.excluded],
                "must_not": [_phrase(p) for p in query.phrases if p.excluded],
            }
        },
        "sort": [{"@timestamp": "desc"}],
        "size": min(query.limit, MOST_DOCUMENTS),
        "track_total_hits": True,
        "aggs": {"lines": {"sum": {"field": "vigil.lines"}}},
    }


def _template(asked: str) -> list[dict[str, Any]]:
    """Of that id, or with that text."""
    escaped = "".join(f"\\{letter}" if letter in "*?\\" else letter for letter in asked)
    text = {"value": f"*{escaped}*", "case_insensitive": True}
    return [{"term": {"vigil.template_id": asked}}, {"wildcard": {"vigil.template": text}}]


def _phrase(phrase: Phrase) -> dict[str, Any]:
    kind = "match_phrase_prefix" if phrase.open else "match_phrase"
    asked: dict[str, Any] = {"query": " ".join(phrase.words)}
    if phrase.open:
        asked["max_expansions"] = 1_000
    return {kind: {WORDS: asked}}

"""Scores and alerts in Elasticsearch: index templates, bulk writes with stable ids, searches."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import polars as pl
from elasticsearch import ApiError, Elasticsearch, TransportError, helpers

from vigil.errors import SinkError
from vigil.stores.documents import ALERTS_INDEX, SCORES_INDEX, alert_documents, score_documents

log = logging.getLogger("vigil.elastic")

CHUNK = 2_000
RETRIES = 5

_KEYWORD = {"type": "keyword"}
_DATE = {"type": "date"}
_DOUBLE = {"type": "double"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"properties": properties}


_SCORE_FIELDS = {
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

_ALERT_FIELDS = {
    "@timestamp": _DATE,
    **dict.fromkeys(("at", "opened_at", "updated_at", "resolved_at"), _DATE),
    **dict.fromkeys(
        ("alert_id", "incident_id", "action", "status", "stream", "origin", "services"), _KEYWORD
    ),
    "trace_ids": _KEYWORD,
    "title": {"type": "text"},
    "reason": {"type": "text"},
    "series_count": {"type": "integer"},
    # Shown as it is, never searched.
    "series": {"type": "object", "enabled": False},
}


class ElasticSink:
    """A `Sink` on an Elasticsearch URL; credentials may be part of it and are never shown.

    Scores go to one index a month of event time, alerts to one a month as well; templates give
    them their mappings. A document that the server refuses for good is logged with its reason, the
    others go through; what is refused for the moment (429, 5xx) is sent again by the client.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        host = parts.hostname or "localhost"
        self._address = f"{parts.scheme}://{host}:{parts.port or 9200}"
        login = (parts.username, parts.password) if parts.username and parts.password else None
        self._client = Elasticsearch(
            self._address,
            basic_auth=login,
            request_timeout=30,
            retry_on_status=(429, 502, 503, 504),
            retry_on_timeout=True,
            max_retries=RETRIES,
        )
        self._put_templates()

    def _put_templates(self) -> None:
        for index, fields in ((SCORES_INDEX, _SCORE_FIELDS), (ALERTS_INDEX, _ALERT_FIELDS)):
            template = {
                "settings": {"number_of_shards": 1, "refresh_interval": "5s"},
                "mappings": {"dynamic": "strict", "properties": fields},
            }
            self._guarded(
                lambda index=index, template=template: self._client.indices.put_index_template(
                    name=index, index_patterns=[f"{index}-*"], template=template, priority=200
                )
            )

    def write_scores(self, scored: pl.DataFrame) -> None:
        """See `Sink`."""
        self._bulk(SCORES_INDEX, score_documents(scored))

    def write_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """See `Sink`."""
        self._bulk(ALERTS_INDEX, alert_documents(alerts))

    def _bulk(self, index: str, documents: Iterable[dict[str, Any]]) -> None:
        actions = (
            {
                "_op_type": "index",
                "_index": f"{index}-{document['@timestamp'][:7].replace('-', '.')}",
                "_id": document.pop("_id"),
                "_source": document,
            }
            for document in documents
        )
        results = self._guarded(
            lambda: list(
                helpers.streaming_bulk(
                    self._client,
                    actions,
                    chunk_size=CHUNK,
                    max_retries=RETRIES,
                    raise_on_error=False,
                    raise_on_exception=True,
                )
            )
        )
        refused = [result["index"] for done, result in results if not done]
        for item in refused[:3]:
            log.error("document %s refused: %s", item["_id"], item.get("error"))
        if refused:
            log.error("%d of %d documents refused by %s", len(refused), len(results), self._address)

    def scores(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """See `Sink`; of what was written, at most the last 5 s may be missing."""
        return self._search(SCORES_INDEX, start_at, end_at, limit, {"vigil.p": "asc"})

    def alerts(self, start_at: datetime, end_at: datetime, limit: int) -> list[dict[str, Any]]:
        """See `Sink`."""
        return self._search(ALERTS_INDEX, start_at, end_at, limit, {"@timestamp": "desc"})

    def _search(
        self, index: str, start_at: datetime, end_at: datetime, limit: int, order: dict[str, str]
    ) -> list[dict[str, Any]]:
        span = {"gte": start_at.isoformat(), "lt": end_at.isoformat()}
        found = self._guarded(
            lambda: self._client.search(
                index=f"{index}-*",
                query={"range": {"@timestamp": span}},
                sort=[order, {"@timestamp": "asc"}],
                size=min(limit, 10_000),
            )
        )
        return [{"_id": hit["_id"], **hit["_source"]} for hit in found["hits"]["hits"]]

    def refresh(self) -> None:
        """Make everything written searchable now."""
        self._guarded(lambda: self._client.indices.refresh(index="vigil-*"))

    def _guarded(self, call: Any) -> Any:
        try:
            return call()
        except ApiError as error:
            raise SinkError(f"{self._address} refused a request: {error.message}") from error
        except TransportError as error:
            raise SinkError(f"{self._address} cannot be reached: {error.message}") from error

    def close(self) -> None:
        """See `Sink`."""
        self._client.close()

"""Scores, alerts and log lines in Elasticsearch: bulk writes with stable ids, searches."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import polars as pl
from elasticsearch import VERSION as CLIENT_VERSION
from elasticsearch import ApiError, Elasticsearch, TransportError, helpers

from vigil.config import without_secrets
from vigil.errors import ConfigError, SinkError
from vigil.logs.words import words_of
from vigil.stores.documents import (
    ALERTS_INDEX,
    GRAPH_INDEX,
    LINES_INDEX,
    SCORES_INDEX,
    alert_documents,
    edge_documents,
    line_documents,
    score_documents,
)
from vigil.stores.elastic_templates import FIELDS, POLICIES, index_template
from vigil.stores.line_search import line_search
from vigil.stores.log_lines import FoundLines, LineQuery
from vigil.stores.sinks import Refused

CHUNK = 2_000
RETRIES = 5
ALREADY_THERE = 409
UNKNOWN_STATUS = (400, 405)
# Elasticsearch itself stops allocating shards to a disk that is 85 to 90 % full.
LEAST_FREE_SHARE = 0.15
RETRY_STATUS = (429, 502, 503, 504)


class ElasticSink:
    """A `Sink` on an Elasticsearch URL.

    `http(s)://[user:password@]host[:port][?api_key=…&ca=FILE]`; credentials are never shown. Where
    the server has data streams and index lifecycle management, each kind goes to a data stream of
    its own, rolled over and deleted by a policy; else to one index a month of event time.
    Templates give them their mappings; both are put before the first write.

    A document that the server refuses for good is handed back with its reason, the others go
    through; what is refused for the moment (429, 5xx) is sent again by the client.
    """

    outside = True

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query))
        unknown = set(options) - {"api_key", "ca"}
        if unknown:
            raise ConfigError(
                f"VIGIL_SINK_URL has no option {sorted(unknown)[0]!r}, got {without_secrets(url)!r}"
            )
        host = parts.hostname or "localhost"
        self._address = f"{parts.scheme}://{host}:{parts.port or 9200}"
        login = None
        if parts.username and parts.password:
            login = (unquote(parts.username), unquote(parts.password))
        if login and "api_key" in options:
            raise ConfigError("VIGIL_SINK_URL must have a password or an api_key, got both")
        authority: dict[str, Any] = {"ca_certs": options["ca"]} if "ca" in options else {}
        self._client = Elasticsearch(
            self._address,
            basic_auth=login,
            api_key=options.get("api_key"),
            **authority,
            request_timeout=30,
            retry_on_status=RETRY_STATUS,
            retry_on_timeout=True,
            max_retries=RETRIES,
        )
        self._streams: bool | None = None

    def check(self) -> None:
        """See `Sink`."""
        self._prepare()

    def trouble(self) -> str:
        """See `Sink`: the server's version, its health and its disks."""
        found = self._guarded(self._client.nodes.info, metric="os")["nodes"].values()
        oldest = min((node["version"] for node in found), key=_numbers)
        if _numbers(oldest)[0] < CLIENT_VERSION[0]:
            client = ".".join(map(str, CLIENT_VERSION))
            return f"Elasticsearch {oldest} is older than the client {client}"
        if self._guarded(self._client.cluster.health)["status"] == "red":
            return "the cluster is red: a primary shard is missing"
        nodes = self._guarded(self._client.nodes.stats, metric="fs")["nodes"].values()
        free = min(
            node["fs"]["total"]["available_in_bytes"] / node["fs"]["total"]["total_in_bytes"]
            for node in nodes
        )
        if free < LEAST_FREE_SHARE:
            return f"a node's disk is {1 - free:.0%} full; indices become read-only at 95 %"
        return ""

    def _prepare(self) -> bool:
        """Put templates and missing policies once; returns whether the server has data streams.

        A policy that is there stays: operators change how long things are kept. Indices that an
        earlier version has made learn the fields that were added since.
        """
        if self._streams is None:
            policies = self._policies()
            streams = policies is not None
            for index in POLICIES.keys() - (policies or POLICIES).keys():
                self._guarded(self._client.ilm.put_lifecycle, name=index, policy=POLICIES[index])
            for index, fields in FIELDS.items():
                body = index_template(index, streams)
                self._guarded(self._client.indices.put_index_template, name=index, **body)
                if self._guarded(self._client.indices.resolve_index, name=f"{index}*")["indices"]:
                    self._guarded(
                        self._client.indices.put_mapping, index=f"{index}*", properties=fields
                    )
            self._streams = streams
        return self._streams

    def _policies(self) -> Mapping[str, Any] | None:
        """Lifecycle policies by name; None from a server without X-Pack, which has none."""
        try:
            return self._client.ilm.get_lifecycle().body
        except ApiError as error:
            if error.meta.status in UNKNOWN_STATUS:
                return None
            raise self._failure(error) from error
        except TransportError as error:
            raise self._failure(error) from error

    def write_scores(self, scored: pl.DataFrame) -> list[Refused]:
        """See `Sink`."""
        return self._bulk(SCORES_INDEX, score_documents(scored))

    def write_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> list[Refused]:
        """See `Sink`."""
        return self._bulk(ALERTS_INDEX, alert_documents(alerts))

    def write_edges(self, edges: pl.DataFrame) -> list[Refused]:
        """See `Sink`."""
        return self._bulk(GRAPH_INDEX, edge_documents(edges))

    def newest_edge(self) -> datetime | None:
        """See `Sink`."""
        self._prepare()
        found = self._guarded(
            lambda: self._client.search(
                index=f"{GRAPH_INDEX}*", sort=[{"@timestamp": "desc"}], size=1
            )
        )
        hits = found["hits"]["hits"]
        return datetime.fromisoformat(hits[0]["_source"]["@timestamp"]) if hits else None

    def write_lines(self, lines: pl.DataFrame) -> list[Refused]:
        """See `Sink`."""
        if lines.is_empty():
            return []
        documents = line_documents(lines)
        spoken = words_of(lines["message"]).list.join(" ")
        for document, words in zip(documents, spoken, strict=True):
            document["vigil"]["words"] = words
        return self._bulk(LINES_INDEX, documents)

    def lines(self, query: LineQuery) -> FoundLines:
        """See `Sink`; of what was written, at most the last 5 s may be missing."""
        found = self._guarded(
            lambda: self._client.search(index=f"{LINES_INDEX}*", **line_search(query))
        )
        kept, lines = found["hits"]["total"], found["aggregations"]["lines"]
        return FoundLines(_documents(found), kept["value"], int(lines["value"]))

    def _bulk(self, index: str, documents: Sequence[dict[str, Any]]) -> list[Refused]:
        if not documents:
            return []
        streams = self._prepare()
        actions = (_action(index, document, streams) for document in documents)
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
        # Answers come in the order of the documents.
        refused = []
        for (done, result), document in zip(results, documents, strict=True):
            answer = next(iter(result.values()))
            if done or answer.get("status") == ALREADY_THERE:
                continue
            if answer.get("status") in RETRY_STATUS:
                raise SinkError(f"{self._address} is overloaded: {answer.get('error')}")
            reason = answer.get("error", {})
            text = reason.get("reason", str(reason)) if isinstance(reason, dict) else str(reason)
            refused.append(Refused(answer["_id"], text, orjson.dumps(document)))
        return refused

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
                index=f"{index}*",
                query={"range": {"@timestamp": span}},
                sort=[order, {"@timestamp": "asc"}],
                size=min(limit, 10_000),
            )
        )
        return _documents(found)

    def ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer to a search, whose request has the arguments of the client's `search`."""
        found: Mapping[str, Any] = self._guarded(self._client.search, **request).body
        return found

    def count_scores(self) -> int:
        """See `Sink`."""
        found = self._guarded(self._client.count, index=f"{SCORES_INDEX}*")
        return int(found["count"])

    def refresh(self) -> None:
        """Make everything written searchable now."""
        self._guarded(lambda: self._client.indices.refresh(index="vigil-*"))

    def _guarded(self, call: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return call(**arguments)
        except (ApiError, TransportError) as error:
            raise self._failure(error) from error

    def _failure(self, error: ApiError | TransportError) -> SinkError:
        if isinstance(error, ApiError):
            return SinkError(f"{self._address} refused a request: {error.message}")
        return SinkError(f"{self._address} cannot be reached: {error.message}")

    def close(self) -> None:
        """See `Sink`."""
        self._client.close()


def _documents(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"_id": hit["_id"], **hit["_source"]} for hit in found["hits"]["hits"]]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split("-")[0].split(".")]


def _action(index: str, document: dict[str, Any], streams: bool) -> dict[str, Any]:
    """One line of a bulk request; a data stream takes only what is new."""
    source = {name: value for name, value in document.items() if name != "_id"}
    month = source["@timestamp"][:7].replace("-", ".")
    return {
        "_op_type": "create" if streams else "index",
        "_index": index if streams else f"{index}-{month}",
        "_id": document["_id"],
        "_source": source,
    }

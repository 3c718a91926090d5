"""The peer: what one writes in an afternoon with FastAPI and the protobuf classes.

It does the receiver's job and no more: parse, take the fields of the event schema, store them
durably in the same kind of log, acknowledge. It checks nothing and limits nothing.
"""

import sys
from pathlib import Path
from typing import Any

import orjson
import uvicorn
from fastapi import FastAPI, Request, Response
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from starlette.concurrency import run_in_threadpool

from vigil.events.content import CONTENT_TYPE, NDJSON, PROTOBUF
from vigil.events.schema import SPAN_KINDS, TOPIC_EVENTS
from vigil.stores.log import Message
from vigil.stores.sqlite_log import SqliteLog

_KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
assert set(_KINDS.values()) == set(SPAN_KINDS)


def bare_app(event_log: SqliteLog) -> FastAPI:
    """The handler in an application."""
    app = FastAPI()

    @app.post("/v1/traces")
    async def export(request: Request) -> Response:
        body = await request.body()
        await run_in_threadpool(_store, event_log, body)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type=PROTOBUF)

    return app


def _store(event_log: SqliteLog, body: bytes) -> None:
    rows = _rows(ExportTraceServiceRequest.FromString(body))
    lines = b"\n".join(orjson.dumps(row) for row in rows)
    event_log.append(TOPIC_EVENTS, [Message(lines, {CONTENT_TYPE: NDJSON})])


def _rows(request: ExportTraceServiceRequest) -> list[dict[str, Any]]:
    rows = []
    for group in request.resource_spans:
        resource = {item.key: _value(item.value) for item in group.resource.attributes}
        for scope in group.scope_spans:
            for span in scope.spans:
                attributes = {item.key: _value(item.value) for item in span.attributes}
                rows.append(
                    {
                        "time": span.start_time_unix_nano // 1_000,
                        "trace_id": span.trace_id.hex(),
                        "span_id": span.span_id.hex(),
                        "parent_span_id": span.parent_span_id.hex(),
                        "kind": _KINDS.get(span.kind),
                        "service": resource.get("service.name"),
                        "environment": resource.get("deployment.environment.name"),
                        "cloud": resource.get("cloud.provider"),
                        "region": resource.get("cloud.region"),
                        "route": attributes.pop("http.route", None),
                        "method": attributes.pop("http.request.method", None),
                        "status": attributes.pop("http.response.status_code", None),
                        "duration_ms": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                        "attributes": attributes,
                    }
                )
    return rows


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None


if __name__ == "__main__":
    # python -m vigil.bench.collecting.bare_handler LOG PORT
    log_path, port = Path(sys.argv[1]), int(sys.argv[2])
    uvicorn.run(bare_app(SqliteLog(log_path)), port=port, log_level="error", access_log=False)

"""OTLP/JSON to OTLP protobuf: the same message, so that only one form has to be read.

OTLP/JSON is protobuf's JSON mapping with one difference: ids are hexadecimal, not base64.
"""

import base64
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from vigil.errors import InputError

_REQUESTS: dict[str, type[Message]] = {
    "resourceSpans": ExportTraceServiceRequest,
    "resourceLogs": ExportLogsServiceRequest,
    "resourceMetrics": ExportMetricsServiceRequest,
}
_IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_DEEPEST = 64


def protobuf_of(value: bytes, group: str) -> bytes:
    """The request in protobuf; `group` is `resourceSpans`, `resourceLogs` or `resourceMetrics`.

    Fields that this version does not know are ignored. Raises InputError with the reason.
    """
    try:
        document = orjson.loads(value)
        if not isinstance(document, dict):
            raise InputError(f"must be a JSON object, got a {type(document).__name__}")
        _ids_to_base64(document, 0)
        request = ParseDict(document, _REQUESTS[group](), ignore_unknown_fields=True)
        return request.SerializeToString()
    except (orjson.JSONDecodeError, ParseError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"must be OTLP in JSON: {reason}") from error


def _ids_to_base64(node: Any, depth: int) -> None:
    """Rewrite ids in place, wherever they are: in spans, links, log records and exemplars.

    Raises ValueError for what is no hexadecimal number or nested too deeply.
    """
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    if isinstance(node, list):
        for item in node:
            if isinstance(item, dict | list):
                _ids_to_base64(item, depth + 1)
        return
    for name, value in node.items():
        if name in _IDS and isinstance(value, str):
            node[name] = base64.b64encode(bytes.fromhex(value)).decode()
        elif isinstance(value, dict | list):
            _ids_to_base64(value, depth + 1)

"""Export requests as the official library writes them."""

from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

START_NS = 1_775_000_000_000_000_000  # 2026-03-31T23:33:20Z
TRACE_ID, SPAN_ID, PARENT_ID = bytes(range(16)), bytes(range(1, 9)), bytes(range(2, 10))
RESOURCE = {
    "service.name": "checkout",
    "deployment.environment.name": "prod",
    "cloud.provider": "aws",
    "cloud.region": "eu-west-1",
    "service.version": "1.2.3",
    "telemetry.sdk.language": "python",
}


def any_value(value: Any) -> AnyValue:
    """A Python value as an AnyValue."""
    made = AnyValue()
    match value:
        case bool():
            made.bool_value = value
        case int():
            made.int_value = value
        case float():
            made.double_value = value
        case str():
            made.string_value = value
        case bytes():
            made.bytes_value = value
        case list():
            made.array_value.values.extend(any_value(item) for item in value)
        case dict():
            made.kvlist_value.values.extend(key_values(value))
    return made


def key_values(attributes: dict[str, Any]) -> list[KeyValue]:
    """A dictionary as attributes."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def trace_request(
    *spans: dict[str, Any], resource: dict[str, Any] = RESOURCE
) -> ExportTraceServiceRequest:
    """Spans of one resource; each a dictionary of Span's fields over a good server span."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.extend(key_values(resource))
    scope = group.scope_spans.add()
    for span in spans:
        fields = {
            "trace_id": TRACE_ID,
            "span_id": SPAN_ID,
            "name": "GET /orders/{id}",
            "kind": 2,
            "start_time_unix_nano": START_NS,
            "end_time_unix_nano": START_NS + 12_500_000,
        } | span
        attributes = fields.pop("attributes", {})
        scope.spans.add(**fields).attributes.extend(key_values(attributes))
    return request


def log_request(
    *records: dict[str, Any], resource: dict[str, Any] = RESOURCE
) -> ExportLogsServiceRequest:
    """Log records of one resource; each a dictionary of LogRecord's fields."""
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(key_values(resource))
    scope = group.scope_logs.add()
    for record in records:
        fields = {"time_unix_nano": START_NS} | record
        attributes, body = fields.pop("attributes", {}), fields.pop("body", None)
        made = scope.log_records.add(**fields)
        made.attributes.extend(key_values(attributes))
        if body is not None:
            made.body.CopyFrom(any_value(body))
    return request

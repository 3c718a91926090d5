"""What senders are told, in the words of the OpenTelemetry protocol.

Source: opentelemetry.io/docs/specs/otlp: partial success, failures, throttling.
"""

import math
from dataclasses import dataclass

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from google.rpc.code_pb2 import Code
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from vigil.collect.receive.group_commit import Outcome
from vigil.collect.receive.limits import Refused, TryLater
from vigil.events.content import JSON, PROTOBUF
from vigil.events.schema import TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS


@dataclass(frozen=True, slots=True)
class Signal:
    """One of OpenTelemetry's signals: where it comes in, where it goes, how it is answered."""

    path: str
    service: str
    topic: str
    response: type[Message]
    rejected: str


_PACKAGE = "opentelemetry.proto.collector"
SIGNALS = (
    Signal(
        "/v1/traces",
        f"{_PACKAGE}.trace.v1.TraceService",
        TOPIC_EVENTS,
        ExportTraceServiceResponse,
        "rejected_spans",
    ),
    Signal(
        "/v1/logs",
        f"{_PACKAGE}.logs.v1.LogsService",
        TOPIC_LOGS,
        ExportLogsServiceResponse,
        "rejected_log_records",
    ),
    Signal(
        "/v1/metrics",
        f"{_PACKAGE}.metrics.v1.MetricsService",
        TOPIC_METRICS,
        ExportMetricsServiceResponse,
        "rejected_data_points",
    ),
)

# HTTP status → the code that says the same.
_CODES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.INVALID_ARGUMENT,
    415: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    503: Code.UNAVAILABLE,
}


def export_response(signal: Signal, outcome: Outcome) -> Message:
    """The response to an export: empty for a full success, else what was rejected and why."""
    response = signal.response()
    if outcome.rejected:
        partial = response.partial_success
        setattr(partial, signal.rejected, outcome.rejected)
        partial.error_message = outcome.reason
    return response


def failure(error: Exception) -> tuple[int, Status, float | None]:
    """(HTTP status, status message, seconds to wait before trying again or None for never)."""
    if isinstance(error, TryLater):
        status = Status(
            code=Code.UNAVAILABLE if error.down else Code.RESOURCE_EXHAUSTED, message=str(error)
        )
        retry = RetryInfo()
        retry.retry_delay.FromMilliseconds(math.ceil(error.after_s * 1000))
        status.details.add().Pack(retry)
        return 503 if error.down else 429, status, error.after_s
    if isinstance(error, Refused):
        code = _CODES.get(error.status, Code.INVALID_ARGUMENT)
        return error.status, Status(code=code, message=str(error)), None
    # A fault of ours: the sender keeps its data and comes again.
    return 503, Status(code=Code.UNAVAILABLE, message="the receiver failed; see its log"), 30.0


def encode(message: Message, content_type: str) -> tuple[bytes, str]:
    """(bytes, content type): in JSON for a sender that speaks JSON, else in protobuf."""
    if content_type == JSON:
        return MessageToJson(message, indent=None).encode(), JSON
    return message.SerializeToString(), PROTOBUF

"""OTLP/JSON to OTLP protobuf: the same message, so that only one form has to be read.

OTLP/JSON is protobuf's JSON mapping with one difference: ids are hexadecimal, not base64. What the
library's own reader of that mapping takes a millisecond for, this does in a fifth: the document is
renamed to arguments of the message, which the compiled library builds at once.

Source: opentelemetry.io/docs/specs/otlp: JSON Protobuf Encoding;
protobuf.dev/programming-guides/json.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
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
_IDS = ("trace_id", "span_id", "parent_span_id")
_DEEPEST = 64


def protobuf_of(value: bytes, group: str) -> bytes:
    """The request in protobuf; `group` is `resourceSpans`, `resourceLogs` or `resourceMetrics`.

    Fields that this version does not know are ignored. Raises InputError with the reason.
    """
    request = _REQUESTS[group]
    try:
        document = orjson.loads(value)
        if not isinstance(document, dict):
            raise InputError(f"must be a JSON object, got a {type(document).__name__}")
        return request(**_arguments(document, request.DESCRIPTOR, 0)).SerializeToString()
    except (orjson.JSONDecodeError, TypeError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"must be OTLP in JSON: {reason}") from error


def _arguments(node: Any, message: Descriptor, depth: int) -> dict[str, Any]:
    """The arguments of `message` that an object of JSON stands for.

    Raises ValueError naming the field whose value is none of its type.
    """
    if depth > _DEEPEST:
        raise ValueError(f"nested more than {_DEEPEST} deep")
    fields = _fields_of(message)
    arguments: dict[str, Any] = {}
    for name, value in node.items():
        field = fields.get(name)
        # Null stands for a field that is not there.
        if field is None or value is None:
            continue
        if not field.is_repeated:
            found = _value(field, value, depth)
        elif isinstance(value, list):
            found = [_value(field, item, depth) for item in value]
        else:
            raise _Wrong(field.name, "a list", value)
        if found is not None:
            arguments[field.name] = found
    return arguments


def _value(field: "_Field", value: Any, depth: int) -> Any:
    if field.message is not None:
        if not isinstance(value, dict):
            raise _Wrong(field.name, "an object", value)
        return _arguments(value, field.message, depth + 1)
    try:
        return field.read(value)
    except (TypeError, ValueError) as error:
        raise _Wrong(field.name, field.rule, value) from error


class _Wrong(ValueError):
    def __init__(self, field: str, rule: str, value: Any) -> None:
        super().__init__(f"{field} must be {rule}, got {str(value)[:100]}")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: its own message, or what reads a value of it and what that must be."""

    name: str
    is_repeated: bool
    message: Descriptor | None
    read: Callable[[Any], Any]
    rule: str


@cache
def _fields_of(message: Descriptor) -> dict[str, _Field]:
    """Fields by the names that they have in JSON: in camel case, or as in the definition."""
    found: dict[str, _Field] = {}
    for field in message.fields:
        read, rule = _reader(field)
        known = _Field(field.name, field.is_repeated, field.message_type, read, rule)
        found |= {field.name: known, field.json_name: known}
    return found


def _reader(field: FieldDescriptor) -> tuple[Callable[[Any], Any], str]:
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        if field.type != FieldDescriptor.TYPE_BYTES:
            return _text, "text"
        return (bytes.fromhex, "hexadecimal") if field.name in _IDS else (_base64, "base64")
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        names = {value.name: value.number for value in field.enum_type.values}
        return partial(_enumerated, names), "a name or its number"
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return _boolean, "true or false"
    if kind in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return _number, "a number"
    return _integer, "an integer"


def _enumerated(names: Mapping[str, int], value: Any) -> int | None:
    """A number; None for a name that is not known: it is left out as what else is not known."""
    if not isinstance(value, str) or value.isdecimal():
        return _integer(value)
    return names.get(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    """An integer, also one in quotes (64 bits do not fit into JavaScript's numbers) or `12.0`."""
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError
    try:
        return int(value)
    except ValueError:
        number = float(value)
        if not number.is_integer():
            raise
        return int(number)


def _number(value: Any) -> float:
    """A number, also one in quotes: that is how NaN and the infinities are written."""
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _base64(value: Any) -> bytes:
    """Standard or URL-safe, padded or not."""
    return base64.urlsafe_b64decode(_text(value).translate(_URL_SAFE) + "=" * (-len(value) % 4))


_URL_SAFE = str.maketrans("+/", "-_")

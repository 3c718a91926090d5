"""Prometheus: exposition pages and remote write, as points."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vigil.collect.metrics.points import BUCKET, COUNTER, GAUGE, Point, exponential_buckets
from vigil.errors import InputError

OPENMETRICS = "application/openmetrics-text"
# Types that carry no measurement, and samples that say when a counter began.
_SKIPPED = ("info", "stateset")


def exposition_points(
    text: str, content_type: str, now_us: int, identity: Mapping[str, str]
) -> list[Point]:
    """The points of a page, text or OpenMetrics by its content type; raises InputError.

    `identity`: labels of the target, such as its job, behind those on the page.
    """
    parse = parse_openmetrics if content_type.startswith(OPENMETRICS) else parse_text
    try:
        return [
            point
            for family in parse(text)
            if family.type not in _SKIPPED
            for sample in family.samples
            for point in _sample_points(family.type, sample, now_us, identity)
        ]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"must be an exposition page: {reason}") from error


def _sample_points(
    family_type: str, sample: Any, now_us: int, identity: Mapping[str, str]
) -> Iterator[Point]:
    time_us = now_us if sample.timestamp is None else int(float(sample.timestamp) * 1e6)
    native = getattr(sample, "native_histogram", None)
    if native is not None:
        yield from _native(sample.name, dict(sample.labels), time_us, native, identity)
    elif not sample.name.endswith("_created"):
        labels = dict(sample.labels)
        yield from _point(family_type, sample.name, labels, time_us, sample.value, identity)


def _point(
    family_type: str,
    name: str,
    labels: dict[str, str],
    time_us: int,
    value: float,
    identity: Mapping[str, str],
) -> Iterator[Point]:
    """One sample; a type that is not said is told by the name, as Prometheus' own are."""
    # NaN also marks a series that has gone.
    if not math.isfinite(value):
        return
    if family_type == "summary" and "quantile" in labels:
        level = float(labels.pop("quantile"))
        yield Point(f"{name}_p{level * 100:g}", labels, time_us, value, identity=identity)
        return
    if name.endswith("_bucket") and "le" in labels:
        bound = float(labels.pop("le"))
        name = name.removesuffix("_bucket")
        yield Point(name, labels, time_us, value, BUCKET, bound, identity)
        return
    grows = family_type == "counter" or (
        family_type != "gauge" and name.endswith(("_total", "_count", "_sum"))
    )
    yield Point(name, labels, time_us, value, COUNTER if grows else GAUGE, None, identity)


def _native(
    name: str, labels: dict[str, str], time_us: int, native: Any, identity: Mapping[str, str]
) -> Iterator[Point]:
    """A native histogram: its count, and its positive buckets."""
    total = float(native.count_value)
    yield Point(f"{name}_count", labels, time_us, total, COUNTER, None, identity)
    yield Point(name, labels, time_us, total, BUCKET, math.inf, identity)
    # Counts are written as differences, and gaps between spans as offsets.
    counts: dict[int, float] = {}
    deltas, index, count = list(native.pos_deltas or ()), 0, 0.0
    for number, span in enumerate(native.pos_spans or ()):
        index = span.offset if number == 0 else index + span.offset
        for _ in range(span.length):
            count += deltas.pop(0)
            # A bucket's index is that of its upper bound here, of its lower bound in OTLP.
            counts[index - 1] = count
            index += 1
    first = min(counts, default=0)
    dense = [counts.get(at, 0.0) for at in range(first, max(counts, default=-1) + 1)]
    for bound, running in exponential_buckets(native.schema, first, dense, native.zero_count):
        yield Point(name, labels, time_us, running, BUCKET, bound, identity)


def remote_write_points(body: bytes, most_bytes: int) -> list[Point]:
    """The points of a remote-write request, version 1: protobuf in snappy; raises InputError."""
    try:
        if cramjam.snappy.decompress_raw_len(body) > most_bytes:
            raise InputError(f"a request may have {most_bytes} bytes, got more")
        request: Any = _WRITE_REQUEST.FromString(bytes(cramjam.snappy.decompress_raw(body)))
    except (cramjam.DecompressionError, DecodeError) as error:
        raise InputError("must be a WriteRequest in snappy") from error
    points: list[Point] = []
    for series in request.timeseries:
        labels = {label.name: label.value for label in series.labels}
        name = labels.pop("__name__", "")
        for sample in series.samples:
            time_us = sample.timestamp * 1_000
            points += _point("", name, dict(labels), time_us, sample.value, {})
    return points


def _write_request() -> type[Message]:
    """prometheus.WriteRequest, as far as it is read; no package carries it."""
    file = descriptor_pb2.FileDescriptorProto(
        name="vigil/remote_write.proto", package="vigil.remote", syntax="proto3"
    )
    text, double, int64, message = 9, 1, 3, 11
    messages: dict[str, list[tuple[str, int, int, str]]] = {
        "Label": [("name", 1, text, ""), ("value", 2, text, "")],
        "Sample": [("value", 1, double, ""), ("timestamp", 2, int64, "")],
        "TimeSeries": [("labels", 1, message, "Label"), ("samples", 2, message, "Sample")],
        "WriteRequest": [("timeseries", 1, message, "TimeSeries")],
    }
    for name, fields in messages.items():
        made = file.message_type.add(name=name)
        for field_name, number, kind, inner in fields:
            made.field.add(
                name=field_name,
                number=number,
                type=kind,
                label=3 if inner else 1,
                type_name=f".vigil.remote.{inner}" if inner else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = pool.FindMessageTypeByName("vigil.remote.WriteRequest")
    return message_factory.GetMessageClass(found)


_WRITE_REQUEST = _write_request()

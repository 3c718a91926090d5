"""OTLP metrics as points. Metrics are few beside spans: they are read message by message."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from vigil.collect.metrics.points import (
    BUCKET,
    COUNTER,
    INTERVAL,
    KEY_LABELS,
    Point,
    as_ndjson,
    exponential_buckets,
)
from vigil.errors import InputError

_DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = 1  # DataPointFlags
_KEPT = {name for names in KEY_LABELS.values() for name in names}


def metrics_ndjson(body: bytes) -> bytes:
    """An ExportMetricsServiceRequest as NDJSON of METRICS; raises InputError."""
    try:
        request = ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise InputError("must be an OTLP export request in protobuf") from error
    return as_ndjson(_points(request))


def _points(request: ExportMetricsServiceRequest) -> Iterator[Point]:
    for group in request.resource_metrics:
        resource = _texts(group.resource.attributes)
        identity = {name: value for name, value in resource.items() if name in _KEPT}
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                if kind:
                    yield from _READERS[kind](metric, identity)


def _texts(attributes: Any) -> dict[str, str]:
    found = {}
    for item in attributes:
        kind = item.value.WhichOneof("value")
        if kind in ("string_value", "int_value", "double_value", "bool_value"):
            found[item.key] = str(getattr(item.value, kind))
    return found


def _numbers(metric: Metric, identity: Mapping[str, str]) -> Iterator[Point]:
    """Gauges; sums that only grow as counters, or as rates where they are differences."""
    data = getattr(metric, str(metric.WhichOneof("data")))
    grows = metric.HasField("sum") and data.is_monotonic
    delta = grows and data.aggregation_temporality == _DELTA
    for item in data.data_points:
        if item.flags & _NO_VALUE:
            continue
        labels, value = _texts(item.attributes), float(item.as_double or item.as_int)
        time_us = item.time_unix_nano // 1_000
        seconds = (item.time_unix_nano - item.start_time_unix_nano) / 1e9
        if delta and seconds > 0:
            value /= seconds
        name = f"{metric.name}_rate" if delta else metric.name
        kind = COUNTER if grows and not delta else "gauge"
        yield Point(name, labels, time_us, value, kind, None, identity)


def _histograms(metric: Metric, identity: Mapping[str, str]) -> Iterator[Point]:
    """A counter of observations and running totals of buckets; differences start from nothing."""
    data = getattr(metric, str(metric.WhichOneof("data")))
    delta = data.aggregation_temporality == _DELTA
    for item in data.data_points:
        if item.flags & _NO_VALUE:
            continue
        labels, end_us = _texts(item.attributes), item.time_unix_nano // 1_000
        start_us = item.start_time_unix_nano // 1_000
        buckets = [(float("inf"), float(item.count)), *_buckets(item)]
        times: tuple[tuple[int, float], ...] = ((end_us, 1.0),)
        if delta:
            # The running total of a series of its own, which was 0 when it began.
            labels[INTERVAL] = str(start_us)
            times = ((start_us, 0.0), *times)
        for time_us, share in times:
            value = share * item.count
            yield Point(metric.name, labels, time_us, value, COUNTER, None, identity)
            for bound, total in buckets:
                value = share * total
                yield Point(metric.name, labels, time_us, value, BUCKET, bound, identity)


def _buckets(item: Any) -> Iterator[tuple[float, float]]:
    if hasattr(item, "explicit_bounds"):
        total = 0.0
        for bound, count in zip(item.explicit_bounds, item.bucket_counts, strict=False):
            total += count
            yield float(bound), total
    else:
        positive = item.positive
        zero = item.zero_count + sum(item.negative.bucket_counts)
        yield from exponential_buckets(item.scale, positive.offset, positive.bucket_counts, zero)


def _summaries(metric: Metric, identity: Mapping[str, str]) -> Iterator[Point]:
    for item in metric.summary.data_points:
        labels, time_us = _texts(item.attributes), item.time_unix_nano // 1_000
        yield Point(metric.name, labels, time_us, float(item.count), COUNTER, None, identity)
        for level in item.quantile_values:
            name = f"{metric.name}_p{level.quantile * 100:g}"
            yield Point(name, labels, time_us, level.value, identity=identity)


_READERS: dict[str, Callable[[Metric, Mapping[str, str]], Iterator[Point]]] = {
    "gauge": _numbers,
    "sum": _numbers,
    "histogram": _histograms,
    "exponential_histogram": _histograms,
    "summary": _summaries,
}

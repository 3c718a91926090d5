"""Prometheus remote write, versions 1 and 2, as points: samples and native histograms."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from vigil.collect.metrics.points import Point
from vigil.collect.metrics.prometheus import NativeBuckets, native_points, sample_points
from vigil.errors import InputError

VERSION_2 = "io.prometheus.write.v2.Request"

# Numbers of Metadata.MetricType; others are told by the metric's name, as in version 1.
_TYPES = {1: "counter", 2: "gauge", 3: "histogram", 4: "gaugehistogram", 5: "summary"}


@dataclass(frozen=True, slots=True)
class Written:
    """The points of a request, and how many samples and native histograms they come from."""

    points: list[Point]
    samples: int
    histograms: int


def read_remote_write(body: bytes, most_bytes: int, version: int = 1) -> Written:
    """What a request holds: protobuf in snappy, at most `most_bytes` of it. Raises InputError."""
    try:
        if cramjam.snappy.decompress_raw_len(body) > most_bytes:
            raise InputError(f"a request may have {most_bytes} bytes, got more")
        plain = bytes(cramjam.snappy.decompress_raw(body))
        request: Any = REQUESTS[version].FromString(plain)
    except (cramjam.DecompressionError, DecodeError) as error:
        raise InputError(f"must be a request of remote write {version} in snappy") from error
    symbols = list(request.symbols) if version == 2 else []
    points: list[Point] = []
    samples = histograms = 0
    for series in request.timeseries:
        if version == 2:
            labels = _referred(symbols, series.labels_refs)
            family_type = _TYPES.get(series.metadata.type, "")
        else:
            labels, family_type = {label.name: label.value for label in series.labels}, ""
        name = labels.pop("__name__", "")
        points += _points(name, labels, family_type, series)
        samples += len(series.samples)
        histograms += len(series.histograms)
    return Written(points, samples, histograms)


def _referred(symbols: list[str], references: Any) -> dict[str, str]:
    """Labels, of which a series has the places of names and values in turn."""
    if len(references) % 2 or any(place >= len(symbols) for place in references):
        raise InputError("labels_refs must be pairs of places in symbols")
    pairs = zip(references[::2], references[1::2], strict=True)
    return {symbols[name]: symbols[value] for name, value in pairs}


def _points(name: str, labels: Mapping[str, str], family_type: str, series: Any) -> Iterator[Point]:
    for sample in series.samples:
        time_us = sample.timestamp * 1_000
        yield from sample_points(family_type, name, dict(labels), time_us, sample.value, {})
    for histogram in series.histograms:
        time_us = histogram.timestamp * 1_000
        yield from native_points(name, dict(labels), time_us, _buckets(histogram), {})


def _buckets(histogram: Any) -> NativeBuckets:
    """Counts are differences of integers, or numbers as they are."""
    return NativeBuckets(
        schema=histogram.schema,
        total=histogram.count_float or float(histogram.count_int),
        sum=histogram.sum,
        zero=histogram.zero_count_float or float(histogram.zero_count_int),
        spans=[(span.offset, span.length) for span in histogram.positive_spans],
        deltas=list(histogram.positive_deltas),
        counts=list(histogram.positive_counts),
    )


# Field: (name, number, type, message where it is one); a type in a list is repeated.
_DOUBLE, _INT64, _UINT64, _INT32, _TEXT, _MESSAGE, _UINT32, _SINT32, _SINT64 = (
    1, 3, 4, 5, 9, 11, 13, 17, 18,
)  # fmt: skip
_Field = tuple[str, int, int | list[int], str]
_MESSAGES: dict[str, list[_Field]] = {
    "Label": [("name", 1, _TEXT, ""), ("value", 2, _TEXT, "")],
    "Sample": [("value", 1, _DOUBLE, ""), ("timestamp", 2, _INT64, "")],
    "BucketSpan": [("offset", 1, _SINT32, ""), ("length", 2, _UINT32, "")],
    "Metadata": [("type", 1, _INT32, "")],
    "Histogram": [
        ("count_int", 1, _UINT64, ""),
        ("count_float", 2, _DOUBLE, ""),
        ("sum", 3, _DOUBLE, ""),
        ("schema", 4, _SINT32, ""),
        ("zero_count_int", 6, _UINT64, ""),
        ("zero_count_float", 7, _DOUBLE, ""),
        ("positive_spans", 11, [_MESSAGE], "BucketSpan"),
        ("positive_deltas", 12, [_SINT64], ""),
        ("positive_counts", 13, [_DOUBLE], ""),
        ("timestamp", 15, _INT64, ""),
    ],
    "Series1": [
        ("labels", 1, [_MESSAGE], "Label"),
        ("samples", 2, [_MESSAGE], "Sample"),
        ("histograms", 4, [_MESSAGE], "Histogram"),
    ],
    "Series2": [
        ("labels_refs", 1, [_UINT32], ""),
        ("samples", 2, [_MESSAGE], "Sample"),
        ("histograms", 3, [_MESSAGE], "Histogram"),
        ("metadata", 5, _MESSAGE, "Metadata"),
    ],
    "Request1": [("timeseries", 1, [_MESSAGE], "Series1")],
    "Request2": [("symbols", 4, [_TEXT], ""), ("timeseries", 5, [_MESSAGE], "Series2")],
}


def _requests() -> dict[int, type[Message]]:
    """prometheus.WriteRequest and io.prometheus.write.v2.Request, as far as they are read.

    No package carries them.
    """
    package = "vigil.remote"
    file = descriptor_pb2.FileDescriptorProto(
        name="vigil/remote_write.proto", package=package, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        made = file.message_type.add(name=name)
        for field_name, number, kind, inner in fields:
            repeated = isinstance(kind, list)
            made.field.add(
                name=field_name,
                number=number,
                type=kind[0] if isinstance(kind, list) else kind,
                label=3 if repeated else 1,
                type_name=f".{package}.{inner}" if inner else None,
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        version: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"{package}.Request{version}")
        )
        for version in (1, 2)
    }


REQUESTS = _requests()

"""Prometheus' samples and native histograms as points, and the pages that targets show."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vigil.collect.metrics.points import BUCKET, COUNTER, GAUGE, Point, exponential_buckets
from vigil.errors import InputError

OPENMETRICS = "application/openmetrics-text"
# Types that carry no measurement, and samples that say when a counter began.
_SKIPPED = ("info", "stateset")
_SCHEMAS = (-4, 8)
# Prometheus itself keeps 160 by default; a single request must not make millions.
MOST_BUCKETS = 2_000


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
            for point in _points_of(family.type, sample, now_us, identity)
        ]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InputError(f"must be an exposition page: {reason}") from error


def _points_of(
    family_type: str, sample: Any, now_us: int, identity: Mapping[str, str]
) -> Iterator[Point]:
    time_us = now_us if sample.timestamp is None else int(float(sample.timestamp) * 1e6)
    native = getattr(sample, "native_histogram", None)
    if native is not None:
        found = NativeBuckets(
            schema=native.schema,
            total=float(native.count_value),
            sum=float(native.sum_value),
            zero=float(native.zero_count),
            spans=[(span.offset, span.length) for span in native.pos_spans or ()],
            deltas=list(native.pos_deltas or ()),
        )
        yield from native_points(sample.name, dict(sample.labels), time_us, found, identity)
    elif not sample.name.endswith("_created"):
        labels = dict(sample.labels)
        yield from sample_points(family_type, sample.name, labels, time_us, sample.value, identity)


def sample_points(
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


@dataclass(frozen=True, slots=True)
class NativeBuckets:
    """Positive buckets of a native histogram, in spans of (gap or first index, buckets).

    Their counts are differences, each to the bucket before, or `counts` where there are any.
    """

    schema: int
    total: float
    sum: float
    zero: float
    spans: Sequence[tuple[int, int]]
    deltas: Sequence[float]
    counts: Sequence[float] = ()


def native_points(
    name: str,
    labels: dict[str, str],
    time_us: int,
    native: NativeBuckets,
    identity: Mapping[str, str],
) -> Iterator[Point]:
    """A native histogram: its count, sum and positive buckets; raises InputError."""
    # Beyond these the bounds of buckets are a list, or none that are defined.
    if not _SCHEMAS[0] <= native.schema <= _SCHEMAS[1]:
        return
    yield Point(f"{name}_count", labels, time_us, native.total, COUNTER, None, identity)
    yield Point(f"{name}_sum", labels, time_us, native.sum, COUNTER, None, identity)
    yield Point(name, labels, time_us, native.total, BUCKET, math.inf, identity)
    given = iter(native.counts or itertools.accumulate(native.deltas))
    counts: dict[int, float] = {}
    index = 0
    for number, (offset, length) in enumerate(native.spans):
        index = offset if number == 0 else index + offset
        for count in itertools.islice(given, length):
            # A bucket's index is that of its upper bound here, of its lower bound in OTLP.
            counts[index - 1] = float(count)
            index += 1
    first, last = min(counts, default=0), max(counts, default=-1)
    if last - first >= MOST_BUCKETS:
        raise InputError(f"a native histogram may span {MOST_BUCKETS} buckets, got {last - first}")
    dense = [counts.get(at, 0.0) for at in range(first, last + 1)]
    for bound, running in exponential_buckets(native.schema, first, dense, native.zero):
        yield Point(name, labels, time_us, running, BUCKET, bound, identity)

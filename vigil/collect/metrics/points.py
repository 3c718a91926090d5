"""A measured value on its way in: whose it is, what it is, and how it is to be read.

Points travel as lines of NDJSON through the group commit. Three attributes say what becomes of a
point that is not yet a measurement: `vigil.kind` (counter or bucket), `vigil.series` (what its
differences are taken within) and `vigil.le` (the bucket's upper bound); see `CounterRates`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

COUNTER, BUCKET, GAUGE = "counter", "bucket", "gauge"
KIND, SERIES, BOUND = "vigil.kind", "vigil.series", "vigil.le"

# Labels that name a key column, the first that is there counts.
KEY_LABELS: Mapping[str, Sequence[str]] = {
    "tenant": ("tenant", "vigil.tenant", "tenant.id"),
    "environment": (
        "environment", "env", "deployment.environment.name", "deployment.environment",
    ),
    "cloud": ("cloud", "cloud.provider"),
    "region": ("region", "cloud.region"),
    "service": ("service", "service.name", "app", "job"),
    "route": ("http.route", "route", "handler", "path", "endpoint", "uri"),
    "method": ("http.request.method", "method", "http_method"),
}  # fmt: skip

# Tells a difference from the next one of the same series.
INTERVAL = "vigil.interval"

# Labels that split one measurement finer than it is watched: counters are summed over them.
SUMMED = (
    "code", "status", "status_code", "http.response.status_code", "error.type", "url.scheme",
    "network.protocol.name", "network.protocol.version", "server.address", "server.port",
    INTERVAL,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Point:
    """`kind` COUNTER and BUCKET are running totals; `bound` is a bucket's upper bound."""

    name: str
    labels: Mapping[str, str]
    time_us: int
    value: float
    kind: str = GAUGE
    bound: float | None = None
    identity: Mapping[str, str] = field(default_factory=dict)


def as_ndjson(points: Iterable[Point]) -> bytes:
    """Points as records of METRICS, with what is left of their labels in the metric's name."""
    return b"\n".join(orjson.dumps(_record(point)) for point in points)


def _record(point: Point) -> dict[str, Any]:
    labels = {**point.identity, **point.labels}
    record: dict[str, Any] = {"time": point.time_us / 1e6, "value": point.value}
    used = set()
    for column, names in KEY_LABELS.items():
        name = next((name for name in names if labels.get(name)), None)
        if name is not None:
            record[column] = labels[name]
            used.add(name)
    summed = () if point.kind == GAUGE else SUMMED
    left = {k: v for k, v in point.labels.items() if k not in used and k not in summed}
    record["metric"] = point.name + spelled(left)
    if point.kind != GAUGE:
        record["attributes"] = {KIND: point.kind, SERIES: point.name + spelled(labels)}
        if point.bound is not None:
            record["attributes"][BOUND] = repr(point.bound)
    return record


def spelled(labels: Mapping[str, str]) -> str:
    """Labels as Prometheus writes them, sorted; nothing where there are none."""
    if not labels:
        return ""
    pairs = ",".join(f"{name}={orjson.dumps(labels[name]).decode()}" for name in sorted(labels))
    return "{" + pairs + "}"


def exponential_buckets(
    scale: int, first: int, counts: Sequence[float], zero_count: float
) -> Iterator[tuple[float, float]]:
    """(upper bound, running total) of an exponential histogram's positive buckets.

    Bucket i holds values up to 2 ** ((i + 1) / 2 ** scale); `first` is the index of the first.
    """
    total = zero_count
    yield 0.0, total
    for index, count in enumerate(counts, start=first):
        total += count
        exponent = (index + 1) * 2.0**-scale
        yield 2.0 ** min(exponent, 1_000.0), total

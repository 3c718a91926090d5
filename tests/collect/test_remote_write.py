"""Remote write of both versions: samples, native histograms, and what is answered."""

import contextlib
import math
from datetime import UTC, datetime

import cramjam
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.collect.metrics.remote_write import REQUESTS, VERSION_2, read_remote_write
from vigil.errors import InputError
from vigil.events.schema import TOPIC_METRICS

NOW_MS = int(datetime.now(UTC).timestamp() * 1_000)
HEADERS = {"content-encoding": "snappy", "content-type": "application/x-protobuf"}
COUNTER, GAUGE = 1, 2


def packed(request) -> bytes:
    """As it is sent."""
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))


def version_1(*series) -> bytes:
    """A body of (labels, [(value, ms)])."""
    request = REQUESTS[1]()
    for labels, samples in series:
        made = request.timeseries.add()
        for name, value in labels.items():
            made.labels.add(name=name, value=value)
        for value, time_ms in samples:
            made.samples.add(value=value, timestamp=time_ms)
    return packed(request)


def version_2(*series):
    """A request of (labels, type, [(value, ms)])."""
    request = REQUESTS[2](symbols=[""])
    for labels, kind, samples in series:
        made = request.timeseries.add()
        made.metadata.type = kind
        for text in (text for pair in labels.items() for text in pair):
            if text not in request.symbols:
                request.symbols.append(text)
            made.labels_refs.append(list(request.symbols).index(text))
        for value, time_ms in samples:
            made.samples.add(value=value, timestamp=time_ms)
    return request


def observe(made, counts: list[int], total: float, time_ms: int) -> None:
    """A native histogram of schema 0 whose buckets end at 1, 2, 4, 8; `total`: sum of values."""
    deltas = [count - before for count, before in zip(counts, [0, *counts], strict=False)]
    made.histograms.add(
        count_int=sum(counts), sum=total, schema=0, timestamp=time_ms, positive_deltas=deltas
    ).positive_spans.add(offset=0, length=len(counts))


def values(frame) -> dict[str, float]:
    """Value by metric."""
    return {name: round(value, 6) for name, value in frame.select("metric", "value").rows()}


def send(collector, body: bytes, content_type: str = HEADERS["content-type"]) -> httpx.Response:
    """The answer to a body."""
    headers = HEADERS | {"content-type": content_type}
    url = f"{collector.http}/api/v1/write"
    return httpx.post(url, content=body, headers=headers, timeout=60)


def test_version_1_comes_in(listen):
    """204; counters by their name; markers of series that have gone are skipped."""
    labels = {"__name__": "requests_total", "job": "shop"}
    samples = [(1.0, NOW_MS - 20_000), (21.0, NOW_MS - 10_000), (math.nan, NOW_MS)]
    body = version_1((labels, samples), ({"__name__": "load", "job": "shop"}, [(0.5, NOW_MS)]))
    with listen() as collector:
        assert send(collector, body).status_code == 204
        assert values(collector.records(TOPIC_METRICS)) == {"load": 0.5, "requests_total_rate": 2.0}
        assert send(collector, b"\xff\xff\xff").status_code == 400


def test_version_2_comes_in(listen):
    """Types are told, so a counter needs no name of one; what was written is counted."""
    totals = [(1.0, NOW_MS - 10_000), (21.0, NOW_MS)]
    request = version_2(
        ({"__name__": "requests", "job": "shop"}, COUNTER, totals),
        ({"__name__": "items_total", "job": "shop"}, GAUGE, [(7.0, NOW_MS)]),
    )
    with listen() as collector:
        answer = send(collector, packed(request), f"application/x-protobuf;proto={VERSION_2}")
        assert answer.status_code == 204
        written = "x-prometheus-remote-write-{}-written"
        assert answer.headers[written.format("samples")] == "3"
        assert answer.headers[written.format("histograms")] == "0"
        found = values(collector.records(TOPIC_METRICS))
        assert found == {"items_total": 7.0, "requests_rate": 2.0}


@pytest.mark.parametrize("version", [1, 2])
def test_native_histograms_become_quantiles(listen, version):
    """Of what was counted since the last one: 100 values between 2 and 4."""
    kinds = {1: HEADERS["content-type"], 2: f"application/x-protobuf;proto={VERSION_2}"}
    if version == 2:
        request = version_2(({"__name__": "latency", "job": "shop"}, 3, []))
    else:
        request = REQUESTS[1]()
        made = request.timeseries.add()
        for name, value in {"__name__": "latency", "job": "shop"}.items():
            made.labels.add(name=name, value=value)
    observe(request.timeseries[0], [5, 0, 0, 5], 30.0, NOW_MS - 10_000)
    observe(request.timeseries[0], [5, 0, 100, 5], 330.0, NOW_MS)
    with listen() as collector:
        answer = send(collector, packed(request), kinds[version])
        assert answer.headers["x-prometheus-remote-write-histograms-written"] == "2"
        assert values(collector.records(TOPIC_METRICS)) == {
            "latency_count_rate": 10.0, "latency_sum_rate": 30.0, "latency_p50": 3.0,
            "latency_p95": 3.9, "latency_p99": 3.98,
        }  # fmt: skip


def test_places_that_are_none_are_refused():
    """A reference beyond the symbols, half a pair, a histogram of millions of buckets."""
    for references in ([1, 9], [1]):
        request = version_2(({"__name__": "a"}, GAUGE, [(1.0, NOW_MS)]))
        request.timeseries[0].labels_refs[:] = references
        with pytest.raises(InputError, match="labels_refs"):
            read_remote_write(packed(request), 1_000, 2)
    request = version_2(({"__name__": "a"}, 3, []))
    wide = request.timeseries[0].histograms.add(positive_deltas=[1, 1], schema=8)
    wide.positive_spans.add(offset=0, length=1)
    wide.positive_spans.add(offset=2**30, length=1)
    with pytest.raises(InputError, match="buckets"):
        read_remote_write(packed(request), 1_000, 2)


@given(st.binary(max_size=50), st.sampled_from([1, 2]))
def test_no_bytes_break_it(body, version):
    """Refused or read, packed or not."""
    for sent in (body, bytes(cramjam.snappy.compress_raw(body))):
        with contextlib.suppress(InputError):
            read_remote_write(sent, 1_000, version)

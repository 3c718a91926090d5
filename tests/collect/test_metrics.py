"""Metrics of OTLP and Prometheus become rates, quantiles and values."""

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcMetrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpMetrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

from vigil.collect.metrics.points import BUCKET, COUNTER, Point, as_ndjson
from vigil.collect.metrics.prometheus import OPENMETRICS, exposition_points
from vigil.collect.metrics.rates import CounterRates
from vigil.errors import InputError
from vigil.events.content import NDJSON
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import METRICS, TOPIC_METRICS

START_US = 1_775_000_000_000_000
PAGE = """# TYPE http_requests counter
http_requests_total{{job="shop",handler="/a",method="get",code="200"}} {ok}
http_requests_total{{job="shop",handler="/a",method="get",code="500"}} {failed}
# TYPE queue_length gauge
queue_length{{job="shop",queue="mail"}} 7
# TYPE latency_seconds histogram
latency_seconds_bucket{{job="shop",le="0.1"}} {fast}
latency_seconds_bucket{{job="shop",le="0.2"}} {all}
latency_seconds_bucket{{job="shop",le="+Inf"}} {all}
latency_seconds_count{{job="shop"}} {all}
latency_seconds_sum{{job="shop"}} 5
"""


def records(points) -> pl.DataFrame:
    """Points as the log would take them."""
    payload = Payload(NDJSON, as_ndjson(points), "x")
    decoded = decode([payload], METRICS, datetime(2026, 4, 1, tzinfo=UTC), Limits())
    assert decoded.dead.is_empty()
    return decoded.records


def values(frame) -> dict[str, float]:
    """Value by metric."""
    return {name: round(value, 6) for name, value in frame.select("metric", "value").rows()}


def test_two_pages_of_a_target_are_rates_quantiles_and_values():
    """Counters are summed over status codes, labels without a column stay in the name."""
    rates = CounterRates()
    first = PAGE.format(ok=100, failed=1, fast=10, all=20)
    second = PAGE.format(ok=400, failed=4, fast=40, all=80)
    pages = [
        exposition_points(text, "text/plain", START_US + seconds * 1_000_000, {"job": "x"})
        for text, seconds in ((first, 0), (second, 30))
    ]
    assert values(rates.apply(records(pages[0]))) == {'queue_length{queue="mail"}': 7.0}
    found = rates.apply(records(pages[1]))
    assert values(found) == {
        'queue_length{queue="mail"}': 7.0,
        "http_requests_total_rate": 10.1,
        "latency_seconds_count_rate": 2.0,
        "latency_seconds_sum_rate": 0.0,
        "latency_seconds_p50": 0.1,
        "latency_seconds_p95": 0.19,
        "latency_seconds_p99": 0.198,
    }
    [row] = found.filter(pl.col("metric") == "http_requests_total_rate").to_dicts()
    assert (row["service"], row["route"], row["method"]) == ("shop", "/a", "get")


def counter(*totals, step_s=10):
    """A counter's totals at even steps."""
    return [
        Point("c", {"job": "a"}, START_US + n * step_s * 1_000_000, total, COUNTER)
        for n, total in enumerate(totals)
    ]


def test_a_reset_counts_from_zero():
    """A restarted process has not uncounted anything."""
    rates = CounterRates()
    found = rates.apply(records(counter(100, 150, 20, 30)))
    assert found.sort("time")["value"].to_list() == [5.0, 2.0, 1.0]


def test_old_and_repeated_totals_give_nothing():
    """Senders repeat what was not acknowledged."""
    rates = CounterRates()
    points = counter(0, 10, 20)
    assert rates.apply(records(points)).height == 2
    assert rates.apply(records(points)).height == 0
    assert rates.apply(records(points[:1])).height == 0
    later = Point("c", {"job": "a"}, START_US + 30_000_000, 50, COUNTER)
    assert rates.apply(records([later]))["value"].to_list() == [3.0]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=20), st.integers(1, 10))
def test_batches_do_not_matter(increases, size):
    """One request or many: the same increases come out, none is lost."""
    totals = [float(sum(increases[: n + 1])) for n in range(len(increases))]
    points, rates = counter(*totals), CounterRates()
    parts = [
        rates.apply(records(points[start : start + size])) for start in range(0, len(points), size)
    ]
    made = [part for part in parts if part.filter(pl.col("metric") == "c_rate").height]
    total = sum(part["value"].sum() for part in made) * 10
    assert total == pytest.approx(totals[-1] - totals[0])


def test_memory_is_bounded():
    """The series heard of longest ago are forgotten first."""
    rates = CounterRates(series_kept=10)
    for number in range(50):
        rates.apply(records([Point("c", {"job": str(number)}, START_US + number, 1, COUNTER)]))
    assert rates._last.height == 10


def test_a_quantile_in_the_last_bucket_is_its_lower_bound():
    """As Prometheus answers."""
    points = [
        Point("h", {"job": "a"}, START_US + at * 1_000_000, total * at, BUCKET, bound)
        for at in (0, 1)
        for bound, total in ((1.0, 1), (math.inf, 100))
    ]
    assert values(CounterRates().apply(records(points)))["h_p99"] == 1.0


def test_openmetrics_with_timestamps_and_native_histograms():
    """The page's own times count; sparse buckets are read as far as the library reads them."""
    dated = "# TYPE g gauge\ng 1 1775000001\n# EOF\n"
    [point] = exposition_points(dated, OPENMETRICS, START_US, {})
    assert point.time_us == START_US + 1_000_000
    text = (
        "# TYPE h histogram\n"
        'h{job="a"} {count:24,sum:100,schema:0,zero_threshold:0.001,zero_count:4,'
        "positive_spans:[0:2,1:2],positive_deltas:[2,1,-2,3]}\n# EOF\n"
    )
    points = exposition_points(text, OPENMETRICS, START_US, {})
    buckets = {point.bound: point.value for point in points if point.kind == BUCKET}
    assert buckets == {0.0: 4, 1.0: 6, 2.0: 9, 4.0: 9, 8.0: 10, 16.0: 14, math.inf: 24}


@pytest.mark.parametrize("text", ["what is this?\n", "a{b} 1\n", 'a{b="c} 1\n'])
def test_a_page_that_is_none_is_refused(text):
    """With the parser's reason."""
    with pytest.raises(InputError):
        exposition_points(text, "text/plain", START_US, {})


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_real_sdk_sends_metrics(listen, protocol):
    """A counter's rate, a gauge's value and a histogram's quantiles."""
    with listen() as collector:
        if protocol == "grpc":
            exporter = GrpcMetrics(f"http://{collector.grpc}", insecure=True)
        else:
            exporter = HttpMetrics(f"{collector.http}/v1/metrics")
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
        resource = Resource.create({"service.name": "shop"})
        meters = MeterProvider([reader], resource=resource)
        meter = meters.get_meter("test")
        orders, sizes = meter.create_counter("orders"), meter.create_histogram("size")
        meter.create_gauge("load").set(0.5, {"disk": "a"})
        for _ in range(2):
            for number in range(100):
                orders.add(1, {"http.route": "/orders/{id}"})
                sizes.record(number)
            meters.force_flush()
        meters.shutdown()
        found = collector.records(TOPIC_METRICS)
    # The last export, at the end, has nothing new.
    by_name = {row["metric"]: row for row in found.sort("value").to_dicts()}
    assert by_name['load{disk="a"}']["value"] == 0.5
    assert by_name["orders_rate"]["value"] > 0
    assert by_name["orders_rate"]["route"] == "/orders/{id}"
    assert 40 < by_name["size_p50"]["value"] < 60
    assert set(found["service"]) == {"shop"}
    assert found["time"].max() > datetime.now(UTC) - timedelta(minutes=1)

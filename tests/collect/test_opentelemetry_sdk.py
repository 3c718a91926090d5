"""The real OpenTelemetry SDK sends; every span of every trace arrives once, with its log lines."""

import asyncio

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcLogs
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpans
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpLogs
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpSpans
from three_services import Service

from vigil.events.schema import TOPIC_LOGS, requests_of

# The handler that the SDK itself brings is to move to another package.
pytestmark = pytest.mark.filterwarnings("ignore:`LoggingHandler`:DeprecationWarning")

ORDERS = 20


def exporters(collector, protocol):
    """(spans, logs) as an application would configure them."""
    if protocol == "grpc":
        endpoint = f"http://{collector.grpc}"
        return GrpcSpans(endpoint, insecure=True), GrpcLogs(endpoint, insecure=True)
    packed = Compression.Gzip if protocol == "http+gzip" else Compression.NoCompression
    return (
        HttpSpans(f"{collector.http}/v1/traces", compression=packed),
        HttpLogs(f"{collector.http}/v1/logs", compression=packed),
    )


def run_shop(collector, protocol):
    """Ask for some orders; the thirteenth fails in the last service."""
    services: list[Service] = []
    for name in ("stock", "orders", "gateway"):
        behind = services[-1] if services else None
        services.append(Service(name, *exporters(collector, protocol), behind))
    gateway = services[-1]

    async def ask() -> list[int]:
        transport = httpx.ASGITransport(gateway.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            return [(await client.get(f"/orders/{n}")).status_code for n in range(ORDERS)]

    statuses = asyncio.run(ask())
    for service in services:
        service.shutdown()
    assert statuses.count(503) == 1


@pytest.mark.parametrize("protocol", ["http", "http+gzip", "grpc"])
def test_a_shop_of_three_services_is_seen_whole(listen, protocol):
    """A request of each service for each order, linked into one trace by the calls between them."""
    with listen() as collector:
        run_shop(collector, protocol)
        spans, logs = collector.records(), collector.records(TOPIC_LOGS)
    requests = requests_of(spans)
    counts = requests.group_by("service", "route", "method").len().sort("service").rows()
    route = "/orders/{order_id}"
    expected = [(service, route, "GET", ORDERS) for service in ("gateway", "orders", "stock")]
    assert counts == expected
    assert requests["trace_id"].n_unique() == ORDERS
    assert requests.filter(status=503)["service"].sort().to_list() == ["gateway", "orders", "stock"]
    # The caller of a request is the client span of the service before it.
    by_id = dict(spans.select("span_id", "service").rows())
    callers = requests.filter(service="stock")["parent_span_id"].replace_strict(by_id)
    assert set(callers) == {"orders"}
    assert set(spans["environment"]) == {"test"}
    assert (spans["duration_ms"] >= 0).all()
    assert logs.height == 3 * ORDERS + 1
    assert set(logs["trace_id"]) == set(requests["trace_id"])
    assert logs.filter(severity="ERROR")["body"].to_list() == ["no stock for 13"]

"""Export requests of a seeded workload, as SDKs send them."""

import numpy as np
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_RESOURCE = {
    "service.name": "checkout",
    "service.version": "1.2.3",
    "deployment.environment.name": "prod",
    "cloud.provider": "aws",
    "cloud.region": "eu-west-1",
    "host.name": "host-1",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.version": "1.30.0",
}
_ROUTES = ("/orders/{id}", "/orders", "/carts/{id}/items", "/health")


def trace_requests(count: int, spans: int, now_ns: int, seed: int = 1) -> list[bytes]:
    """`count` requests of `spans` server spans each, ten attributes a span, about 400 bytes."""
    draw = np.random.default_rng(seed)
    return [_request(draw, spans, now_ns).SerializeToString() for _ in range(count)]


def _request(draw: np.random.Generator, spans: int, now_ns: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in _RESOURCE.items():
        group.resource.attributes.add(key=key).value.string_value = value
    scope = group.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.fastapi"
    for number in range(spans):
        route = _ROUTES[int(draw.integers(len(_ROUTES)))]
        span = scope.spans.add(
            trace_id=draw.bytes(16),
            span_id=draw.bytes(8),
            parent_span_id=draw.bytes(8),
            name=f"GET {route}",
            kind=2,
            start_time_unix_nano=now_ns - int(draw.integers(10**9)),
        )
        span.end_time_unix_nano = span.start_time_unix_nano + int(draw.gamma(2, 10**7))
        texts = {
            "http.request.method": "GET",
            "http.route": route,
            "url.path": route.replace("{id}", str(number)),
            "url.scheme": "https",
            "server.address": "shop.example",
            "user_agent.original": "Mozilla/5.0 (X11; Linux x86_64)",
            "network.protocol.version": "1.1",
            "client.address": f"192.0.2.{number % 256}",
        }
        for key, value in texts.items():
            span.attributes.add(key=key).value.string_value = value
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        span.attributes.add(key="server.port").value.int_value = 443
    return request

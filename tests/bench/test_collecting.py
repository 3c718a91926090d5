"""The load generator and what it sends."""

import asyncio
import time

from listening import listening

from vigil.bench.collecting.load import drive, prepared
from vigil.bench.collecting.payloads import trace_requests


def test_every_acknowledged_request_is_counted_and_stored():
    """As fast as it is answered, and evenly at a rate."""
    requests = prepared(trace_requests(2, spans=3, now_ns=time.time_ns()))
    with listening() as collector:
        port = collector.receiver.http_port
        fast = asyncio.run(drive(port, requests, seconds=0.2, connections=2))
        even = asyncio.run(drive(port, requests, 0.5, connections=2, requests_per_s=20))
        assert fast.failed == even.failed == 0
        assert even.acknowledged == 10
        assert (even.latency_ms > 0).all()
        assert collector.records().height == 3 * (fast.acknowledged + even.acknowledged)

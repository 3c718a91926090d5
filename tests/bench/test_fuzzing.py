"""A seeded part of the campaign, against a receiver in this process."""

import time

import httpx
from listening import listening

from vigil.bench.fuzzing.payloads import Fuzzer, content_headers

PAYLOADS = 19 * 3


def test_bad_input_breaks_nothing_and_good_input_is_counted():
    """No server error; every good span is stored; accepted + dead are the receiver's own counts;
    no memory stays taken.
    """
    good = 0
    with listening() as collector, httpx.Client(timeout=60) as client:
        for attempt in Fuzzer(seed=3, now_ns=time.time_ns()).attempts(PAYLOADS):
            url = f"{collector.http}/v1/traces"
            try:
                answer = client.post(url, content=attempt.body, headers=content_headers(attempt))
            except httpx.TransportError:
                assert attempt.good in (0, None), attempt.kind
                continue
            assert answer.status_code < 500, (attempt.kind, answer.content)
            if attempt.good:
                assert answer.status_code == 200, (attempt.kind, answer.content)
                good += attempt.good
            elif attempt.good == 0:
                assert answer.status_code >= 400 or answer.content, attempt.kind
        counters = collector.receiver.intake.commit.counters
        assert collector.records().height == counters["accepted"] >= good
        assert collector.receiver.intake.budget.taken_bytes == 0


def test_the_same_seed_draws_the_same_requests():
    """So that what breaks can be repeated."""
    now_ns = time.time_ns()
    one = [attempt.body for attempt in Fuzzer(1, now_ns).attempts(40)]
    assert one == [attempt.body for attempt in Fuzzer(1, now_ns).attempts(40)]
    assert one != [attempt.body for attempt in Fuzzer(2, now_ns).attempts(40)]

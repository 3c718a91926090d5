"""What taking out secrets costs: CPU time per row, and as a share of decoding the same rows."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson

from vigil.events.content import NDJSON
from vigil.events.decode import Payload, decode
from vigil.events.redaction import NO_REDACTION, Redaction
from vigil.events.rules import Limits
from vigil.events.schema import EVENTS, LOGS

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
_START_S = int(NOW.timestamp()) - 3_600
# One text in this many holds something to take out.
_RARITY = 100
_SENSITIVE = (
    "mail to ann@shop.example bounced",
    "paid with 4111 1111 1111 1111",
    "Authorization: Bearer abcdefghijklmnop",
    "GET /orders?customer=17&token=abc",
)


def bench_redaction(rows: int, seed: int) -> list[dict[str, Any]]:
    """A row for each kind of record: rows/s of redaction alone, and its share of decoding."""
    return [
        _measure("events", EVENTS, _events(rows, seed)),
        _measure("logs", LOGS, _logs(rows, seed)),
    ]


def _measure(name: str, schema: Any, lines: list[bytes]) -> dict[str, Any]:
    payload = [Payload(NDJSON, b"\n".join(lines), "bench")]
    plain_s, decoded = _cpu_s(lambda: decode(payload, schema, NOW, Limits(redaction=NO_REDACTION)))
    redaction_s, clean = _cpu_s(lambda: Redaction().records(decoded.records))
    changed = sum(
        a != b for a, b in zip(clean.iter_rows(), decoded.records.iter_rows(), strict=True)
    )
    return {
        "records": name,
        "rows": len(lines),
        "bytes_per_row": round(len(payload[0].value) / len(lines)),
        "rows_changed": changed,
        "redacted_rows_per_s": round(len(lines) / redaction_s),
        "decoded_rows_per_s": round(len(lines) / plain_s),
        "cost_of_decoding": round(redaction_s / plain_s, 3),
    }


def _cpu_s(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def _text(number: int, random: np.random.Generator) -> str:
    if number % _RARITY == 0:
        return _SENSITIVE[number // _RARITY % len(_SENSITIVE)]
    order, took_ms = random.integers(10**6), random.integers(10**3)
    return f"order {order} accepted after {took_ms} ms by cart worker"


def _events(rows: int, seed: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [
        orjson.dumps(
            {
                "time": _START_S + n % 3_600,
                "trace_id": f"{n:032x}",
                "service": "checkout",
                "route": "/orders/{id}",
                "method": "POST",
                "status": 200,
                "duration_ms": 12.5,
                "error": _text(n, random) if n % 20 == 0 else None,
                "attributes": {
                    "client.address": f"10.1.{n % 256}.{n % 199}",
                    "host.name": f"web-{n % 16}",
                    "user_agent.original": "curl/8.5",
                },
            }
        )
        for n in range(rows)
    ]


def _logs(rows: int, seed: int) -> list[bytes]:
    random = np.random.default_rng(seed)
    return [
        orjson.dumps({"time": _START_S + n % 3_600, "service": "cart", "body": _text(n, random)})
        for n in range(rows)
    ]

"""Synthetic checks: an API that nobody calls is watched too.

A check is an event like any other request, so its rate, errors and latency are series; DNS time and
the days that a certificate is still valid are metrics.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from vigil.collect.receive.group_commit import GroupCommit
from vigil.errors import InputError
from vigil.events.content import NDJSON
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS

LARGEST_BODY_BYTES = 1 << 20
PROBER = "vigil-probe"


@dataclass(frozen=True, slots=True)
class Check:
    """A GET of `url`: answered in `timeout_s`, below status 400, with `expect` in its body."""

    url: str
    timeout_s: float = 10.0
    expect: str = ""
    service: str = ""
    identity: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"a check needs an http(s) URL, got {self.url!r}")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `error` is empty where all is well: `dns`, `connect`, `tls`, `timeout`,
    `protocol`, `status` or `body`.
    """

    check: Check
    at: datetime
    duration_ms: float
    error: str = ""
    status: int | None = None
    dns_ms: float | None = None
    tls_days_left: float | None = None

    def event(self) -> dict[str, Any]:
        """As a record of EVENTS."""
        parts = urlsplit(self.check.url)
        return {
            **self.check.identity,
            "time": self.at.isoformat(),
            "service": self.check.service or parts.hostname,
            "route": parts.path or "/",
            "method": "GET",
            "status": self.status,
            "duration_ms": self.duration_ms,
            "error": self.error or None,
            "peer_service": PROBER,
        }

    def metrics(self) -> list[dict[str, Any]]:
        """As records of METRICS."""
        event = self.event()
        place = {name: event[name] for name in ("time", "service", *self.check.identity)}
        values = {"probe_dns_ms": self.dns_ms, "tls_days_left": self.tls_days_left}
        return [
            {**place, "metric": name, "value": value}
            for name, value in values.items()
            if value is not None
        ]


async def run_check(check: Check, client: httpx.AsyncClient) -> Finding:
    """One check, within its timeout; never raises for what the target does."""
    at, began = datetime.now(UTC), time.perf_counter()
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(check.timeout_s):
            found["dns_ms"] = await _resolve(check.url)
            async with client.stream("GET", check.url) as answer:
                found["status"] = answer.status_code
                found["tls_days_left"] = _days_left(answer)
                found["error"] = await _judge(check, answer)
    except (TimeoutError, httpx.TimeoutException):
        found["error"] = "timeout"
    except socket.gaierror:
        found["error"] = "dns"
    except httpx.ConnectError as error:
        found["error"] = "tls" if _is_tls(error) else "connect"
    except (httpx.HTTPError, httpx.InvalidURL, OSError):
        found["error"] = "protocol"
    return Finding(check, at, (time.perf_counter() - began) * 1e3, **found)


async def _resolve(url: str) -> float:
    """Milliseconds until the host's address is known."""
    began = time.perf_counter()
    await asyncio.get_running_loop().getaddrinfo(urlsplit(url).hostname, None)
    return (time.perf_counter() - began) * 1e3


async def _judge(check: Check, answer: httpx.Response) -> str:
    """What is wrong with an answer, empty for nothing."""
    if answer.status_code >= 400:
        return "status"
    if not check.expect:
        return ""
    body = b""
    async for piece in answer.aiter_bytes():
        body += piece
        if check.expect.encode() in body:
            return ""
        if len(body) > LARGEST_BODY_BYTES:
            break
    return "body"


def _days_left(answer: httpx.Response) -> float | None:
    """Until the server's certificate expires; None without TLS."""
    stream = answer.extensions.get("network_stream")
    tls = stream.get_extra_info("ssl_object") if stream else None
    certificate = tls.getpeercert() if tls else None
    if not certificate:
        return None
    expires_s = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return (expires_s - time.time()) / 86_400


def _is_tls(error: Exception | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        error = error.__cause__ if isinstance(error.__cause__, Exception) else None
    return False


async def check_all(checks: Sequence[Check], tls: ssl.SSLContext | None = None) -> list[Finding]:
    """All checks at once, each over a connection of its own."""
    limits = httpx.Limits(max_keepalive_connections=0)
    verify: Any = tls or True
    async with httpx.AsyncClient(limits=limits, timeout=None, verify=verify) as client:
        return list(await asyncio.gather(*(run_check(check, client) for check in checks)))


async def store(findings: Sequence[Finding], commit: GroupCommit) -> None:
    """Findings into the log; raises TryLater when it is down."""
    events = b"\n".join(orjson.dumps(finding.event()) for finding in findings)
    metrics = [record for finding in findings for record in finding.metrics()]
    await commit.store(TOPIC_EVENTS, NDJSON, events, None)
    if metrics:
        lines = b"\n".join(orjson.dumps(record) for record in metrics)
        await commit.store(TOPIC_METRICS, NDJSON, lines, None)

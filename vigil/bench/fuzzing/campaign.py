"""A receiver of its own process under attack; then the books are compared."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from vigil.bench.collecting.compare import count_spans, running_receiver
from vigil.bench.fuzzing.payloads import Attempt, Fuzzer, content_headers

ANSWER_S = 60.0
AT_ONCE = 16


@dataclass(slots=True)
class Book:
    """What came back: `answers` by kind and status, 0 for a connection that was ended; good spans
    sent, and taken, in requests of which that is known beforehand.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    hangs: int = 0
    good_sent: int = 0
    good_taken: int = 0
    peak_bytes: int = 0


def fuzz(
    folder: Path, payloads: int, connections: int, seed: int, tick: Callable[[int], None]
) -> dict[str, Any]:
    """Attack with `payloads` requests while `connections` slow ones lie open, then compare.

    `holds`: no crash, no hang, no server error, every accepted span stored, every good one taken.
    """
    path = folder / "fuzz.sqlite"
    with running_receiver(path) as (port, process):
        book = asyncio.run(_attack(port, process, payloads, connections, seed, tick))
        alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        counters = httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=ANSWER_S).json()
    stored = count_spans(path)
    return _summary(book, counters, stored, alive)


def _summary(book: Book, counters: dict[str, int], stored: int, alive: bool) -> dict[str, Any]:
    failures = sum(n for (_, status), n in book.answers.items() if status >= 500)
    kinds: dict[str, dict[str, int]] = {}
    for (kind, status), number in sorted(book.answers.items()):
        kinds.setdefault(kind, {})[str(status)] = number
    facts = {
        "payloads": sum(book.answers.values()) + book.hangs,
        "crashes": 0 if alive else 1,
        "hangs": book.hangs,
        "server_errors": failures,
        "peak_mib": book.peak_bytes >> 20,
        "accepted": counters["accepted"],
        "stored": stored,
        "dead": counters["dead"],
        "good_spans_sent": book.good_sent,
        "good_spans_taken": book.good_taken,
    }
    facts["holds"] = (
        alive
        and book.hangs == failures == 0
        and stored == counters["accepted"]
        and book.good_taken == book.good_sent
    )
    return facts | {"answers": kinds}


async def _attack(
    port: int,
    process: psutil.Process,
    payloads: int,
    connections: int,
    seed: int,
    tick: Callable[[int], None],
) -> Book:
    book, attempts = Book(), Fuzzer(seed, time.time_ns()).attempts(payloads)
    # Slow connections lie open all the while; each is closed by the receiver in time.
    slow = [asyncio.create_task(_slow_connection(port)) for _ in range(connections)]
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(limits=limits, timeout=ANSWER_S) as client:

        async def send_all() -> None:
            for attempt in attempts:
                await _send(client, port, attempt, book)
                book.peak_bytes = max(book.peak_bytes, process.memory_info().rss)
                tick(1)

        await asyncio.gather(*(send_all() for _ in range(AT_ONCE)))
    closed = await asyncio.gather(*slow)
    book.hangs += closed.count(False)
    return book


async def _send(client: httpx.AsyncClient, port: int, attempt: Attempt, book: Book) -> None:
    url = f"http://127.0.0.1:{port}/v1/traces"
    try:
        answer = await client.post(url, content=attempt.body, headers=content_headers(attempt))
    except httpx.TimeoutException:
        book.hangs += 1
        return
    except (httpx.TransportError, UnicodeEncodeError):
        # The connection was ended, as it may be in the middle of a body that is too large.
        book.answers[attempt.kind, 0] += 1
        return
    book.answers[attempt.kind, answer.status_code] += 1
    if attempt.good:
        book.good_sent += attempt.good
        if answer.status_code == 200:
            book.good_taken += attempt.good


async def _slow_connection(port: int) -> bool:
    """A request head that never ends, a byte a second; True once the receiver has had enough."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    deadline = time.monotonic() + ANSWER_S
    try:
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: ")
        while time.monotonic() < deadline:
            writer.write(b"a")
            await writer.drain()
            try:
                if not await asyncio.wait_for(reader.read(1), 1.0):
                    return True
            except TimeoutError:
                continue
    except OSError:
        return True
    finally:
        writer.close()
    return False

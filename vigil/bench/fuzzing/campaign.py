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
import uvloop

from vigil.bench.collecting.compare import count_spans, running_receiver
from vigil.bench.collecting.load import read_answer
from vigil.bench.fuzzing.payloads import Attempt, Fuzzer, content_headers

ANSWER_S = 60.0
# Enough that what arrives while a group is being stored makes the next one worth its cost.
AT_ONCE = 256
MEMORY_EVERY_S = 0.05
ENDED = 0


@dataclass(slots=True)
class Book:
    """What came back: `answers` by kind and status, ENDED for a connection that was ended; good
    spans sent, and taken, in requests of which that is known beforehand; slow connections closed.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    hangs: int = 0
    good_sent: int = 0
    good_taken: int = 0
    slow_closed: int = 0
    peak_bytes: int = 0


def fuzz(
    folder: Path, payloads: int, connections: int, seed: int, tick: Callable[[int], None]
) -> dict[str, Any]:
    """Attack with `payloads` requests while `connections` slow ones lie open, then compare.

    `holds`: no crash, no hang, no server error, every accepted span stored, every good one taken.
    """
    path = folder / "fuzz.sqlite"
    with running_receiver(path) as (port, process):
        book = uvloop.run(_attack(port, process, payloads, connections, seed, tick))
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
        "slow_connections_closed": book.slow_closed,
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
    over = asyncio.Event()
    watching = asyncio.create_task(_watch_memory(process, over, book))
    slow = [asyncio.create_task(_keep_slow(port, over, book)) for _ in range(connections)]

    async def send_all() -> None:
        async with _Sender(port) as sender:
            for attempt in attempts:
                _note(book, attempt, await sender.send(attempt))
                tick(1)

    await asyncio.gather(*(send_all() for _ in range(AT_ONCE)))
    over.set()
    await asyncio.gather(watching, *slow)
    return book


async def _watch_memory(process: psutil.Process, over: asyncio.Event, book: Book) -> None:
    while not over.is_set():
        book.peak_bytes = max(book.peak_bytes, process.memory_info().rss)
        await asyncio.sleep(MEMORY_EVERY_S)


def _note(book: Book, attempt: Attempt, status: int | None) -> None:
    if status is None:
        book.hangs += 1
        return
    book.answers[attempt.kind, status] += 1
    if attempt.good and status != ENDED:
        book.good_sent += attempt.good
        if status == 200:
            book.good_taken += attempt.good


class _Sender:
    """One connection, opened anew where the receiver ended it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> "_Sender":
        return self

    async def __aexit__(self, *_: object) -> None:
        self._close()

    async def send(self, attempt: Attempt) -> int | None:
        """The status of the answer, ENDED where there was none, None where it took too long."""
        headers = content_headers(attempt) | {"content-length": str(len(attempt.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n{head}\r\n".encode()
        try:
            async with asyncio.timeout(ANSWER_S):
                status = await self._exchange(request + attempt.body)
        except TimeoutError:
            self._close()
            return None
        return status

    async def _exchange(self, request: bytes) -> int:
        if self._streams is None or self._streams[1].is_closing():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        try:
            writer.write(request)
            status, is_last = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError):
            status, is_last = ENDED, True
        if is_last:
            self._close()
        return status

    def _close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _keep_slow(port: int, over: asyncio.Event, book: Book) -> None:
    """One slow connection after the other until all is sent; each must be closed in time."""
    while not over.is_set():
        if await _slow_connection(port):
            book.slow_closed += 1
        else:
            book.hangs += 1


async def _slow_connection(port: int) -> bool:
    """A request head that never ends, a byte a second; True once the receiver has had enough."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return True
    deadline = time.monotonic() + ANSWER_S
    try:
        writer.write(b"POST /v1/traces HTTP/1.1\r\nhost: x\r\nx-slow: ")
        # A write that failed has closed it: the next one would raise an error of the loop's own.
        while not writer.is_closing():
            if time.monotonic() > deadline:
                return False
            writer.write(b"a")
            await writer.drain()
            try:
                if not await asyncio.wait_for(reader.read(1), 1.0):
                    return True
            except TimeoutError:
                continue
    except OSError:
        pass
    finally:
        writer.close()
    return True

"""A load generator that costs little: prepared requests over kept connections."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Load:
    """`acknowledged` requests within `seconds`; `latency_ms` of each, from when it was due."""

    acknowledged: int
    failed: int
    seconds: float
    latency_ms: np.ndarray

    @property
    def requests_per_s(self) -> float:
        """Acknowledged requests a second."""
        return self.acknowledged / self.seconds


def prepared(bodies: Sequence[bytes]) -> list[bytes]:
    """HTTP requests with these bodies, ready to be written."""
    head = (
        b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n"
        b"content-type: application/x-protobuf\r\ncontent-length: %d\r\n\r\n"
    )
    return [head % len(body) + body for body in bodies]


async def drive(
    port: int,
    requests: Sequence[bytes],
    seconds: float,
    connections: int,
    requests_per_s: float | None = None,
) -> Load:
    """Send round robin for a time: each connection as fast as it is answered, or all together at a
    rate, evenly spaced, latency counted from when a request was due.
    """
    began = time.perf_counter()
    latencies: list[float] = []
    failed = turn = 0

    async def send_until_end() -> None:
        nonlocal failed, turn
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while True:
            number, turn = turn, turn + 1
            due = began + number / requests_per_s if requests_per_s else time.perf_counter()
            if due - began >= seconds:
                break
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            writer.write(requests[number % len(requests)])
            status, _ = await read_answer(reader)
            if status == 200:
                latencies.append((time.perf_counter() - due) * 1e3)
            else:
                failed += 1
        writer.close()

    await asyncio.gather(*(send_until_end() for _ in range(connections)))
    elapsed = time.perf_counter() - began
    return Load(len(latencies), failed, elapsed, np.array(latencies))


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bool]:
    """(status, whether the connection ends with it) of the next answer, its body read."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.split(b":")[1]))
    return int(head.split(b" ", 2)[1]), b"\r\nconnection: close" in head

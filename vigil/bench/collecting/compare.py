"""Both servers on this machine, one after the other, under the same load."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from vigil.bench.collecting.load import Load, drive, prepared
from vigil.bench.collecting.payloads import trace_requests
from vigil.errors import DependencyError
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.stores.sqlite_log import SqliteLog

SPANS = 512  # as the SDKs' batch processor sends
DISTINCT = 16
WARM_S = 2.0
START_S = 180.0


def bench_collect(
    folder: Path, seconds: float, connections: int, rounds: int, tick: Callable[[], None]
) -> list[dict[str, Any]]:
    """A row for the receiver and one for the bare handler: the median of each figure over the
    rounds, in each of which both are measured, speed first, then latency at half of it.

    `cpu_s_per_million_spans` is the server's own and least disturbed by what else runs. Every
    acknowledged span is counted in the log afterwards.
    """
    requests = prepared(trace_requests(DISTINCT, SPANS, time.time_ns()))
    servers = {"vigil collect": _receiver, "FastAPI + protobuf": _bare_handler}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for number in range(rounds):
        for name, command in servers.items():
            path = folder / f"{name.split()[0].lower()}-{number}.sqlite"
            with _running(command, path) as (port, process):
                measured = _measure(port, process, requests, seconds, connections)
            lost = measured.pop("spans_acknowledged") - count_spans(path)
            found[name].append(measured | {"acknowledged_spans_not_in_log": lost})
            path.unlink()
            tick()
    rows = [{"server": name} | _medians(measured) for name, measured in found.items()]
    for row in rows:
        row["speed_ratio"] = round(row["spans_per_s"] / rows[-1]["spans_per_s"], 2)
    return rows


def _medians(measured: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Of each figure; of what must not happen the sum."""
    summed = ("failed", "acknowledged_spans_not_in_log")
    return {
        name: sum(each[name] for each in measured)
        if name in summed
        else round(float(np.median([each[name] for each in measured])), 2)
        for name in measured[0]
    }


def _measure(
    port: int,
    process: psutil.Process,
    requests: Sequence[bytes],
    seconds: float,
    connections: int,
) -> dict[str, float]:
    warm = asyncio.run(drive(port, requests, WARM_S, connections))
    before = sum(process.cpu_times()[:2])
    full = asyncio.run(drive(port, requests, seconds, connections))
    cpu_s = sum(process.cpu_times()[:2]) - before
    if not full.acknowledged:
        raise DependencyError(f"the server on port {port} took none of {full.failed} requests")
    half = asyncio.run(drive(port, requests, seconds, connections, full.requests_per_s / 2))
    loads: tuple[Load, ...] = (warm, full, half)
    return {
        "spans_per_s": round(full.requests_per_s * SPANS),
        "cpu_s_per_million_spans": round(cpu_s / (full.acknowledged * SPANS) * 1e6, 2),
        "p50_ms_at_half_load": round(float(np.percentile(half.latency_ms, 50)), 2),
        "p99_ms_at_half_load": round(float(np.percentile(half.latency_ms, 99)), 2),
        "peak_mib": process.memory_info().rss >> 20,
        "failed": sum(load.failed for load in loads),
        "spans_acknowledged": sum(load.acknowledged for load in loads) * SPANS,
    }


def _receiver(path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    vigil = str(Path(sys.executable).parent / "vigil")
    command = [vigil, "collect", "--http-port", str(port), "--no-grpc"]
    return command, {"VIGIL_LOG_URL": f"sqlite:///{path}"}


def _bare_handler(path: Path, port: int) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "vigil.bench.collecting.bare_handler", str(path), str(port)], {}


@contextmanager
def _running(
    command: Callable[[Path, int], tuple[list[str], dict[str, str]]], path: Path
) -> Iterator[tuple[int, psutil.Process]]:
    port = _free_port()
    arguments, variables = command(path, port)
    with subprocess.Popen(
        arguments,
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as child:
        try:
            _wait_until_open(port, child)
            yield port, psutil.Process(child.pid)
        finally:
            child.terminate()
            child.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_open(port: int, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and child.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise DependencyError(f"{child.args!r} did not open port {port}")


@contextmanager
def running_receiver(path: Path) -> Iterator[tuple[int, psutil.Process]]:
    """A receiver in a process of its own: its port, and the process."""
    with _running(_receiver, path) as found:
        yield found


def count_spans(path: Path) -> int:
    """Valid spans in a log."""
    from datetime import UTC, datetime

    event_log, spans, offset = SqliteLog(path), 0, 0
    while messages := event_log.read(TOPIC_EVENTS, 0, offset, 200):
        payloads = [
            Payload(m.message.headers["content-type"], m.message.value, "") for m in messages
        ]
        spans += decode(payloads, EVENTS, datetime.now(UTC), Limits()).records.height
        offset = messages[-1].offset + 1
    event_log.close()
    return spans

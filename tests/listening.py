"""A receiver that listens, for the tests of a module or of one test."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.intake import Gate, Intake, KeepChanges, OpenGate
from vigil.collect.receive.limits import Budget, ReceiverLimits
from vigil.collect.receive.receiver import Address, Receiver, Tls
from vigil.events.content import CONTENT_TYPE
from vigil.events.decode import Payload, decode
from vigil.events.rules import Limits
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS
from vigil.stores.log import EventLog
from vigil.stores.memory_log import MemoryLog


@dataclass
class Listening:
    """A receiver in a thread of its own, and the log behind it."""

    receiver: Receiver
    event_log: EventLog

    @property
    def http(self) -> str:
        """Base address of OTLP/HTTP."""
        scheme = "https" if self.receiver.address.tls else "http"
        return f"{scheme}://localhost:{self.receiver.http_port}"

    @property
    def grpc(self) -> str:
        """Address of OTLP/gRPC."""
        return f"localhost:{self.receiver.grpc_port}"

    def records(self, topic: str = TOPIC_EVENTS) -> pl.DataFrame:
        """What was stored on the topic, all of it valid."""
        stored = self.event_log.read(topic, 0, 0, 100_000, 1 << 30)
        payloads = [
            Payload(item.message.headers[CONTENT_TYPE], item.message.value, "log")
            for item in stored
        ]
        decoded = decode(payloads, SCHEMA_OF_TOPIC[topic], datetime.now(UTC), Limits())
        assert decoded.dead.is_empty()
        return decoded.records


@contextmanager
def listening(
    event_log: EventLog | None = None,
    limits: ReceiverLimits | None = None,
    gate: Gate | None = None,
    tls: Tls | None = None,
    keep_changes: KeepChanges = len,
) -> Iterator[Listening]:
    """A receiver on free ports of this machine, ended orderly."""
    kept_log, bounds = event_log or MemoryLog(), limits or ReceiverLimits()
    up: Future[tuple[Receiver, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        commit = GroupCommit(kept_log, Limits())
        budget = Budget(bounds.waiting_bytes)
        intake = Intake(gate or OpenGate(), bounds, budget, commit, keep_changes)
        receiver = Receiver(intake, Address(http_port=0, grpc_port=0, tls=tls))
        stop = asyncio.Event()
        try:
            await receiver.start()
        except Exception as error:
            up.set_exception(error)
            return
        up.set_result((receiver, asyncio.get_running_loop(), stop))
        await stop.wait()
        await receiver.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    receiver, loop, stop = up.result(20)
    try:
        yield Listening(receiver, kept_log)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        assert not thread.is_alive()

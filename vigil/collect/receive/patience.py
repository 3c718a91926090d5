"""Connections that take their time: uvicorn waits for a request's head forever, we do not."""

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vigil.collect.receive.limits import ReceiverLimits


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a bound on the time and the size of a request's head, and on
    connections (slowloris, endless headers, floods).
    """

    limits: ClassVar[ReceiverLimits] = ReceiverLimits()
    _deadline: asyncio.TimerHandle | None = None
    _head_bytes = 0

    @classmethod
    def within(cls, limits: ReceiverLimits) -> type["ImpatientProtocol"]:
        """The protocol with these bounds, as uvicorn wants it: a class."""
        return type(cls.__name__, (cls,), {"limits": limits})

    def connection_made(self, transport: Any) -> None:
        """A head is expected from the first moment on."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is expected any more."""
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes while the head is not complete."""
        super().data_received(data)
        if self._deadline is not None:
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.head_bytes:
                self.transport.abort()

    def on_message_begin(self) -> None:
        """A further request on the same connection has a head as well."""
        super().on_message_begin()
        self._expect_head()

    def on_headers_complete(self) -> None:
        """From here on the body's own bounds hold."""
        self._head_is_there()
        super().on_headers_complete()

    def _expect_head(self) -> None:
        if self._deadline is None:
            self._head_bytes = 0
            self._deadline = self.loop.call_later(self.limits.head_s, self.transport.abort)

    def _head_is_there(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

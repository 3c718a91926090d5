"""Connections that take their time: uvicorn waits for a request's head forever, we do not."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from vigil.collect.receive.limits import ReceiverLimits


def impatient_protocol(limits: ReceiverLimits) -> type[asyncio.Protocol]:
    """uvicorn's protocol with a bound on the time and the size of a request's head, and on
    connections (slowloris, endless headers, floods).
    """

    class ImpatientProtocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None
        _head_bytes = 0

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_there()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._deadline is not None:
                self._head_bytes += len(data)
                if self._head_bytes > limits.head_bytes:
                    self.transport.abort()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._expect_head()

        def on_headers_complete(self) -> None:
            self._head_is_there()
            super().on_headers_complete()

        def _expect_head(self) -> None:
            if self._deadline is None:
                self._head_bytes = 0
                self._deadline = self.loop.call_later(limits.head_s, self.transport.abort)

        def _head_is_there(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return ImpatientProtocol

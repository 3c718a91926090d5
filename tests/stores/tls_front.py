"""TLS in front of a real server that has none of its own here."""

import asyncio
import ssl
import struct
import threading
from pathlib import Path

import trustme

# PostgreSQL's clients ask for TLS with this message, and go on when the answer is S.
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class TlsFront:
    """Ends TLS and forwards what is inside; a context manager.

    `received` holds what clients have sent, decrypted. With `postgres`, TLS is negotiated first as
    PostgreSQL does it.
    """

    def __init__(self, target_port: int, certificate: trustme.LeafCert, postgres: bool = False):
        self.target_port = target_port
        self.received = bytearray()
        self._postgres = postgres
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        certificate.configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "TlsFront":
        self._thread.start()
        context = None if self._postgres else self._context
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port = int(server.sockets[0].getsockname()[1])
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._postgres:
            assert await reader.readexactly(len(SSL_REQUEST)) == SSL_REQUEST
            writer.write(b"S")
            await writer.drain()
            await writer.start_tls(self._context)
        target = await asyncio.open_connection("127.0.0.1", self.target_port)
        await asyncio.gather(
            self._copy(reader, target[1], self.received), self._copy(target[0], writer, bytearray())
        )

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, seen: bytearray
    ) -> None:
        try:
            while piece := await source.read(1 << 16):
                seen += piece
                target.write(piece)
                await target.drain()
        except (OSError, ssl.SSLError):
            pass
        target.close()


def write_authority(authority: trustme.CA, folder: Path) -> Path:
    """The authority's certificate as a PEM file for clients."""
    path = folder / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path

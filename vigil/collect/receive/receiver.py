"""The receiver as a whole: both servers, the group commit, an orderly end."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import uvicorn

from vigil.collect.receive.grpc_server import grpc_server
from vigil.collect.receive.http_server import http_app
from vigil.collect.receive.intake import Intake
from vigil.collect.receive.patience import ImpatientProtocol
from vigil.errors import ConfigError

log = logging.getLogger("vigil.collect")

GRACE_S = 10
BACKLOG = 2_048


@dataclass(frozen=True, slots=True)
class Tls:
    """PEM files; with `client_ca` only senders with a certificate of that authority come in."""

    certificate: Path
    key: Path
    client_ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one, None leaves the door shut."""

    host: str = "127.0.0.1"
    http_port: int | None = 4318
    grpc_port: int | None = 4317
    tls: Tls | None = None


class Receiver:
    """Listens after `start`, until `stop`; `http_port` and `grpc_port` are the real ones then."""

    def __init__(self, intake: Intake, address: Address) -> None:
        self.intake = intake
        self.address = address
        self.http_port = self.grpc_port = 0
        self._http: uvicorn.Server | None = None
        self._grpc: grpc.aio.Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Raises ConfigError where a port is taken or a certificate cannot be read."""
        self._committing = asyncio.create_task(self.intake.commit.run())
        if self.address.grpc_port is not None:
            await self._start_grpc(self.address.grpc_port)
        if self.address.http_port is not None:
            await self._start_http(self.address.http_port)

    async def stop(self) -> None:
        """Finish the requests that are under way, then store what waits."""
        if self._grpc is not None:
            await self._grpc.stop(GRACE_S)
        if self._http is not None and self._serving is not None:
            self._http.should_exit = True
            await self._serving
        self.intake.commit.stop()
        if self._committing is not None:
            await self._committing

    async def _start_grpc(self, port: int) -> None:
        self._grpc = grpc_server(self.intake)
        place = f"{self.address.host}:{port}"
        try:
            if self.address.tls is None:
                self.grpc_port = self._grpc.add_insecure_port(place)
            else:
                self.grpc_port = self._grpc.add_secure_port(place, _credentials(self.address.tls))
        except RuntimeError as error:
            raise ConfigError(f"cannot listen on {place} for gRPC: {error}") from error
        await self._grpc.start()

    async def _start_http(self, port: int) -> None:
        limits, tls = self.intake.limits, self.address.tls
        config = uvicorn.Config(
            http_app(self.intake),
            host=self.address.host,
            port=port,
            http=ImpatientProtocol.within(limits),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            # Nothing here asks who a proxy says the sender is.
            proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            ssl_ca_certs=tls.client_ca if tls else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if tls and tls.client_ca else ssl.CERT_NONE,
        )
        place = f"{self.address.host}:{port}"
        try:
            config.load()
            # Bound here, since uvicorn would end the process over a port that is taken.
            family = socket.AF_INET6 if ":" in self.address.host else socket.AF_INET
            listening = socket.create_server(
                (self.address.host, port), family=family, backlog=BACKLOG
            )
        except OSError as error:
            raise ConfigError(f"cannot listen on {place} for HTTP: {error}") from error
        self.http_port = listening.getsockname()[1]
        self._http = _Server(config)
        self._serving = asyncio.create_task(self._http.serve([listening]))
        while not self._http.started:
            await asyncio.sleep(0.01)


class _Server(uvicorn.Server):
    """Leaves signals to the one who starts it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None are captured."""
        yield


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    authority = tls.client_ca.read_bytes() if tls.client_ca else None
    pair = (tls.key.read_bytes(), tls.certificate.read_bytes())
    return grpc.ssl_server_credentials([pair], authority, require_client_auth=bool(authority))

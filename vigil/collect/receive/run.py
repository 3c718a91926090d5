"""Puts a receiver together and keeps it until a signal comes."""

import asyncio
import ipaddress
import logging
import resource
import signal
from collections.abc import Callable
from pathlib import Path

from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.intake import Gate, Intake, OpenGate
from vigil.collect.receive.limits import Budget, ReceiverLimits
from vigil.collect.receive.receiver import Address, Receiver, Tls
from vigil.config import Settings
from vigil.errors import ConfigError
from vigil.stores.log import EventLog

log = logging.getLogger("vigil.collect")


def tls_files(certificate: Path | None, key: Path | None, client_ca: Path | None) -> Tls | None:
    """The files of --tls-…; raises ConfigError for half a pair and for a file that is not there."""
    if certificate is None and key is None and client_ca is None:
        return None
    if certificate is None or key is None:
        raise ConfigError("TLS needs both --tls-cert and --tls-key")
    for path in (certificate, key, client_ca):
        if path is not None and not path.is_file():
            raise ConfigError(f"no file {path}")
    return Tls(certificate, key, client_ca)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def open_gate(address: Address, everybody: bool) -> Gate:
    """The gate for this address; raises ConfigError where everybody could send unasked."""
    if is_loopback(address.host):
        return OpenGate()
    if not everybody:
        raise ConfigError(
            f"--host {address.host} can be reached by others: say --open to let everybody send"
        )
    log.warning("=" * 78)
    log.warning("EVERYBODY who reaches %s may write to the event log: no keys", address.host)
    if address.tls is None:
        log.warning("and everybody on the way may read it: no TLS")
    log.warning("=" * 78)
    return OpenGate()


async def receive(
    event_log: EventLog,
    settings: Settings,
    address: Address,
    limits: ReceiverLimits,
    everybody: bool,
    say: Callable[[dict[str, int]], None],
) -> dict[str, int]:
    """Receive until SIGINT or SIGTERM; `say` gets the ports once they are open. Returns counts."""
    gate = open_gate(address, everybody)
    _allow_connections(limits.connections)
    commit = GroupCommit(event_log, settings.limits)
    receiver = Receiver(Intake(gate, limits, Budget(limits.waiting_bytes), commit), address)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await receiver.start()
    ports = {"http": receiver.http_port, "grpc": receiver.grpc_port}
    for name, port in ports.items():
        if port:
            log.info("OTLP/%s on %s:%d", name.upper(), address.host, port)
    say(ports)
    await stop.wait()
    log.info("stopping: requests under way are finished")
    await receiver.stop()
    return commit.counters


def _allow_connections(wanted: int) -> None:
    """Raise this process's limit of open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = min(hard, wanted + 1_000)
    if soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))

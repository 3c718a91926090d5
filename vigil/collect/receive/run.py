"""Puts a receiver together and keeps it until a signal comes."""

import asyncio
import ctypes
import ipaddress
import logging
import resource
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

from vigil.collect.metrics.scrape import Target, keep_scraping
from vigil.collect.receive.consuming import Source, consume
from vigil.collect.receive.following import Tail, follow
from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.intake import Gate, Intake, OpenGate
from vigil.collect.receive.key_gate import KeyGate
from vigil.collect.receive.limits import Budget, ReceiverLimits
from vigil.collect.receive.receiver import Address, Receiver, Tls
from vigil.collect.tail import Positions
from vigil.config import Settings
from vigil.errors import ConfigError, StoreError
from vigil.rootcause.changes import Change
from vigil.stores import open_log
from vigil.stores.api_keys import KeyStore
from vigil.stores.changes import ChangeStore
from vigil.stores.database import open_database
from vigil.stores.log import EventLog

log = logging.getLogger("vigil.collect")

# From malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class Access:
    """Who may send: everybody even beyond this machine, or keys even on it."""

    everybody: bool = False
    require_keys: bool = False


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


def open_gate(address: Address, access: Access, settings: Settings) -> Gate:
    """The gate for this address: beyond this machine a key is needed, unless everybody may send.

    What that means is said aloud.
    """
    if is_loopback(address.host) and not access.require_keys:
        return OpenGate()
    if access.everybody:
        gate: Gate = OpenGate()
        _warn(f"EVERYBODY who reaches {address.host} may write to the event log: no keys")
    else:
        keys = KeyStore(open_database(settings))
        gate = KeyGate(keys)
        gate.refresh()
        if not keys.all():
            log.warning("there is no key yet, so nobody can send: vigil keys create NAME")
    if address.tls is None and not is_loopback(address.host):
        _warn(f"what is sent to {address.host} can be read on its way, keys as well: no TLS")
    return gate


class ChangeKeeper:
    """Changes into the database, which is opened for the first of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._store: ChangeStore | None = None

    def keep(self, changes: Sequence[Change]) -> int:
        """How many were new; raises DependencyError."""
        with self._lock:
            if self._store is None:
                self._store = ChangeStore(open_database(self._settings))
            return self._store.add(changes)


def _warn(sentence: str) -> None:
    log.warning("=" * 78)
    log.warning(sentence)
    log.warning("=" * 78)


@dataclass(frozen=True, slots=True)
class Beside:
    """What is fetched while others send: files, pages of Prometheus, topics."""

    tails: Sequence[Tail] = ()
    targets: Sequence[Target] = ()
    sources: Sequence[Source] = ()


async def receive(
    event_log: EventLog,
    settings: Settings,
    address: Address,
    limits: ReceiverLimits,
    access: Access,
    fetched: Beside,
    say: Callable[[dict[str, int]], None],
) -> dict[str, int]:
    """Receive until SIGINT or SIGTERM; `say` gets the ports once they are open. Returns counts."""
    gate = open_gate(address, access, settings)
    _allow_connections(limits.connections)
    _keep_memory()
    commit = GroupCommit(event_log, settings.limits)
    intake = Intake(gate, limits, Budget(limits.waiting_bytes), commit, ChangeKeeper(settings).keep)
    receiver = Receiver(intake, address)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await receiver.start()
    ports = {"http": receiver.http_port, "grpc": receiver.grpc_port}
    for name, port in ports.items():
        if port:
            log.info("OTLP/%s on %s:%d", name.upper(), address.host, port)
    say(ports)
    beside = [asyncio.create_task(gate.keep_fresh())] if isinstance(gate, KeyGate) else []
    positions = Positions(settings.home / "tail.json")
    beside += [asyncio.create_task(follow(tail, commit, positions)) for tail in fetched.tails]
    beside += [asyncio.create_task(keep_scraping(target, commit)) for target in fetched.targets]
    with ExitStack() as read_logs:
        for source in fetched.sources:
            # Reading must not wait for what is being written.
            read_log = read_logs.enter_context(closing(open_log(settings)))
            beside.append(asyncio.create_task(consume(source, read_log, commit)))
        await stop.wait()
        log.info("stopping: requests under way are finished")
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
    await receiver.stop()
    if isinstance(gate, KeyGate):
        with suppress(StoreError):
            gate.refresh()
    return commit.counters


def _keep_memory() -> None:
    """Let glibc keep what it has freed: groups take and free megabytes many times a second, and
    fetching them from the kernel anew costs a fifth of the time of decoding.
    """
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)


def _allow_connections(wanted: int) -> None:
    """Raise this process's limit of open files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = min(hard, wanted + 1_000)
    if soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))

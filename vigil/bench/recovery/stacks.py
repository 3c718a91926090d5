"""The stacks that a fault campaign breaks: embedded parts, or real servers behind bad networks."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from vigil.bench.recovery.receiver import Receiver
from vigil.config import Settings, load_settings
from vigil.errors import DependencyError
from vigil.servers import ElasticsearchServer, KafkaServer, PostgresServer, Proxy, ServerProcess
from vigil.stores.embedded_postgres import start_postgres

WINDOW_S = 60
DISK_BYTES = 3 << 30
# Decisions stay rows, so that they can be compared one by one.
HOT_H = 24 * 30

# Breaks something, waits that many seconds, and mends it.
Outage = Callable[[float], None]


@dataclass(slots=True)
class Stack:
    """`settings` are those of the scorer under test; `direct` reach the same parts undisturbed.

    A context manager. `outages` by name; `started_in_s`: server and version → seconds.
    """

    home: Path
    settings: Settings = field(init=False)
    direct: Settings = field(init=False)
    outages: dict[str, Outage] = field(default_factory=dict)
    started_in_s: dict[str, float] = field(default_factory=dict)
    receiver: Receiver = field(init=False)
    _parts: ExitStack = field(default_factory=ExitStack)

    name = ""

    def __enter__(self) -> "Stack":
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o755)
        self.receiver = self._parts.enter_context(Receiver())
        self._bring_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _bring_up(self) -> None:
        raise NotImplementedError

    def supervise(self) -> None:
        """Start again what has ended by itself."""

    def reference(self) -> Settings:
        """Settings of a scorer that reads the same log into a database of its own."""
        raise NotImplementedError

    def database_url(self) -> str:
        """The database of the scorer under test, for looking at it from outside."""
        raise NotImplementedError

    def _small_disk(self, folder: Path) -> None:
        """Put `folder` on a disk that can be filled; without the right to mount, leave it be."""
        folder.mkdir(parents=True, exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
            return
        self._parts.callback(subprocess.run, ["umount", "-l", str(folder)], capture_output=True)
        folder.chmod(0o755)
        self.outages["disk full"] = lambda seconds: _fill(folder, seconds)


class EmbeddedStack(Stack):
    """SQLite log and PostgreSQL from the wheel, as after `make demo`."""

    name = "embedded"

    def _bring_up(self) -> None:
        disk = self.home / "disk"
        self._small_disk(disk)
        self.settings = load_settings(
            home=disk / "home",
            log_url=f"sqlite:///{disk / 'log.sqlite'}",
            store_url="",
            sink_url="",
            webhook_url=self.receiver.url,
            window_s=WINDOW_S,
            ledger_hot_h=HOT_H,
        )
        self.direct = self.settings
        began = time.monotonic()
        self._url = start_postgres(self.settings.home / "postgres")
        self.started_in_s["PostgreSQL"] = time.monotonic() - began
        self.outages["database killed"] = self._kill_postgres

    def _kill_postgres(self, seconds: float) -> None:
        """Nobody but the scorer itself starts it again."""
        lock = self.settings.home / "postgres" / "postmaster.pid"
        try:
            os.kill(int(lock.read_text().splitlines()[0]), signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return

    def reference(self) -> Settings:
        """See `Stack`."""
        home = self.home / "reference"
        return self.settings.model_copy(update={"home": home, "webhook_url": ""})

    def database_url(self) -> str:
        """See `Stack`."""
        return self._url


class RealStack(Stack):
    """Kafka, PostgreSQL and Elasticsearch, each behind a network that can stall."""

    name = "real"

    def _bring_up(self) -> None:
        with ExitStack() as parts:
            postgres_home = self.home / "postgres"
            self._small_disk(postgres_home)
            self._postgres = PostgresServer(postgres_home / "server")
            search = ElasticsearchServer(self.home / "elasticsearch")
            network = {name: parts.enter_context(Proxy()) for name in ("log", "store", "sink")}
            kafka = KafkaServer(self.home / "kafka", advertised_port=network["log"].port)
            servers: Mapping[str, ServerProcess] = {
                "log": kafka, "store": self._postgres, "sink": search,
            }  # fmt: skip
            for name, server in servers.items():
                network[name].target_port = server.port
                parts.enter_context(server)
                self.started_in_s[f"{server.name} {server.version}"] = server.started_in_s
            self._parts.push(parts.pop_all())
        self._servers = tuple(servers.values())
        self.outages |= {
            "broker killed": lambda seconds: _restart(kafka, seconds),
            "database killed": lambda seconds: _restart(self._postgres, seconds),
            "search store killed": lambda seconds: _restart(search, seconds),
            **{
                f"network to {name} stalled": _staller(proxy)
                for name, proxy in (
                    ("broker", network["log"]),
                    ("database", network["store"]),
                    ("search store", network["sink"]),
                )
            },
        }
        through = self._postgres.url.replace(
            f":{self._postgres.port}/", f":{network['store'].port}/"
        )
        self.settings = load_settings(
            home=self.home / "home",
            log_url=f"kafka://{kafka.address}",
            store_url=through,
            sink_url=f"http://127.0.0.1:{network['sink'].port}",
            webhook_url=self.receiver.url,
            window_s=WINDOW_S,
            ledger_hot_h=HOT_H,
        )
        self.direct = self.settings.model_copy(
            update={"store_url": self._postgres.url, "sink_url": search.url}
        )

    def supervise(self) -> None:
        """PostgreSQL gives up when its disk is full while it recovers."""
        for server in self._servers:
            server.revive()

    def reference(self) -> Settings:
        """See `Stack`; on a server whose disk nobody fills."""
        server = PostgresServer(self.home / "reference-postgres")
        self._parts.enter_context(server)
        return self.direct.model_copy(
            update={
                "home": self.home / "reference",
                "store_url": server.url,
                "sink_url": "",
                "webhook_url": "",
            }
        )

    def database_url(self) -> str:
        """See `Stack`."""
        return self._postgres.url


def _restart(server: ServerProcess, seconds: float) -> None:
    server.kill()
    time.sleep(seconds)
    server.start()


def _staller(proxy: Proxy) -> Outage:
    def stall(seconds: float) -> None:
        proxy.stalled = True
        time.sleep(seconds)
        proxy.stalled = False

    return stall


def _fill(folder: Path, seconds: float) -> None:
    """Leave not a byte, then give everything back."""
    ballast = folder / "ballast"
    try:
        with ballast.open("wb", buffering=0) as out:
            while out.write(b"\0" * (1 << 20)):
                pass
    except OSError:
        time.sleep(seconds)
    finally:
        ballast.unlink(missing_ok=True)


def check_servers() -> None:
    """Raise DependencyError where a real stack cannot be started."""
    for server in (KafkaServer, PostgresServer, ElasticsearchServer):
        reason = server.missing()
        if reason:
            raise DependencyError(reason)

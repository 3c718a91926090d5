"""Servers for the benchmark's paths, gone when it ends."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from vigil.config import Settings, load_settings
from vigil.errors import DependencyError
from vigil.servers import KafkaServer, PostgresServer


class BenchServers:
    """Homes, databases and brokers; those of one path at a time, so that none disturbs another."""

    def __init__(self, opened: ExitStack) -> None:
        folder = tempfile.TemporaryDirectory(prefix="vigil-bench-stream-")
        self._home = Path(opened.enter_context(folder))
        self._home.chmod(0o755)
        self._running = opened.enter_context(ExitStack())

    def settings(self, name: str, log: str, partitions: int = 1, **changes: object) -> Settings:
        """Settings with an empty log (kafka or sqlite) and an empty database.

        Raises DependencyError when a server cannot be had.
        """
        home = self._home / name
        home.mkdir(mode=0o755)
        database = PostgresServer(home / "postgres")
        self._running.enter_context(database)
        log_url = f"sqlite:///{home / 'log.sqlite'}"
        if log == "kafka":
            if reason := KafkaServer.missing():
                raise DependencyError(reason)
            broker = KafkaServer(home / "kafka")
            self._running.enter_context(broker)
            log_url = f"kafka://{broker.address}"
            if partitions > 1:
                log_url += f"?partitions={partitions}"
        return load_settings(
            home=home, log_url=log_url, store_url=database.url, sink_url="", webhook_url="",
            **changes,
        )  # fmt: skip

    def stop(self) -> None:
        """End those that run."""
        self._running.close()

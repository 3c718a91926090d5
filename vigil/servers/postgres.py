"""PostgreSQL from the wheel as a plain server on a port, with a password."""

import subprocess
from pathlib import Path

import psycopg

from vigil.servers.process import ServerProcess
from vigil.stores.embedded_postgres import copy_installation

USER, PASSWORD = "vigil", "only-on-loopback"


class PostgresServer(ServerProcess):
    """Durable as installed (fsync on); `url` has the superuser's password."""

    name = "PostgreSQL"
    runs_as_root = False

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._binaries = home

    @property
    def url(self) -> str:
        """postgresql://USER:PASSWORD@127.0.0.1:PORT/postgres."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def lay_out(self) -> None:
        """A copy of the binaries, which the server's user may read, and a new cluster."""
        self._binaries = copy_installation(self.home / "install")
        (self.home / "password").write_text(PASSWORD)
        self.log_path.touch()
        self.give_away(self.home)
        subprocess.run(
            [
                str(self._binaries / "initdb"), "-D", str(self._data), "-U", USER, "-A",
                "scram-sha-256", "--pwfile", str(self.home / "password"), "-E", "UTF8",
                "--locale", "C",
            ],
            check=True, capture_output=True, timeout=60, cwd=self.home, **self.identity(),
        )  # fmt: skip
        settings = [
            "listen_addresses = '127.0.0.1'",
            f"port = {self.port}",
            f"unix_socket_directories = '{self.home}'",
            "max_connections = 60",
            "max_wal_size = 256MB",
        ]
        with (self._data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(settings) + "\n")
        self.give_away(self._data)

    @property
    def _data(self) -> Path:
        return self.home / "data"

    def command(self) -> list[str]:
        """See `ServerProcess`."""
        return [str(self._binaries / "postgres"), "-D", str(self._data)]

    def answers(self) -> bool:
        """See `ServerProcess`."""
        try:
            psycopg.connect(self.url, connect_timeout=1).close()
        except psycopg.OperationalError:
            return False
        return True

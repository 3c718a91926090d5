"""A server as a child process that can be stopped, killed and started again on the same port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vigil.errors import DependencyError

START_WAIT_S = 120.0
STOP_WAIT_S = 30.0


class ServerProcess:
    """Subclasses say how the server is laid out in `home`, started and asked whether it answers.

    A context manager: lays out and starts on entry, kills on exit. `home` must lie in folders that
    anybody may enter, since servers that refuse to run as root are run as `nobody` then.
    """

    name = "server"
    version = ""
    needs: Sequence[str] = ()
    runs_as_root = True

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.started_in_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """Why the server cannot start on this machine; empty when it can."""
        lacking = [name for name in cls.needs if shutil.which(name) is None]
        return f"{cls.name} cannot start: no {' and no '.join(lacking)}" if lacking else ""

    @property
    def log_path(self) -> Path:
        """Everything the server printed."""
        return self.home / "server.log"

    def lay_out(self) -> None:
        """Make the files that the first start needs."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The server in the foreground."""
        raise NotImplementedError

    def answers(self) -> bool:
        """True once the server takes requests."""
        raise NotImplementedError

    def start(self) -> None:
        """Start and wait until it answers; raises DependencyError with the log's tail."""
        began = time.monotonic()
        with self.log_path.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(),
                stdout=output,
                stderr=output,
                cwd=self.home,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                start_new_session=True,
                **self.identity(),
            )
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() - began > START_WAIT_S:
                tail = self.log_path.read_text(errors="replace")[-2000:]
                raise DependencyError(f"{self.name} did not start: {tail}")
            time.sleep(0.1)
        self.started_in_s = time.monotonic() - began

    def revive(self) -> None:
        """Start again a server that has ended by itself, as a supervisor does."""
        if self._process is not None and self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """SIGKILL to the server and its children: what a power cut leaves."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, number)
            self._process.wait(STOP_WAIT_S)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(STOP_WAIT_S)
        self._process = None

    def pause(self, paused: bool) -> None:
        """Freeze the server as it is, or let it go on."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP if paused else signal.SIGCONT)

    def identity(self) -> dict[str, Any]:
        """Arguments of Popen that make an ordinary user of root, where the server insists."""
        if self.runs_as_root or os.geteuid() != 0:
            return {}
        nobody = pwd.getpwnam("nobody")
        return {"user": nobody.pw_uid, "group": nobody.pw_gid}

    def give_away(self, folder: Path) -> None:
        """Hand a folder to the user that the server runs as."""
        user = self.identity()
        for path in [folder, *folder.rglob("*")] if user else []:
            os.chown(path, user["user"], user["group"])

    def __enter__(self) -> "ServerProcess":
        self.home.mkdir(parents=True, exist_ok=True)
        self.lay_out()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def accepts(port: int) -> bool:
    """True where something listens."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0

"""Background processes of this machine: start, find and stop them by name.

Each has a pid file in `home/run` and a log in `home/logs`. For production use Compose or systemd;
this is for a laptop.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from vigil.config import CHECKOUT, ROOT, Settings
from vigil.errors import DependencyError

STOP_WAIT_S = 15.0


@dataclass(frozen=True, slots=True)
class Service:
    """A background process: its name, what it runs, and where people find it."""

    name: str
    command: Sequence[str]
    address: str = ""


DAGSTER_PORT = 3000
BOARD_PORT = 4173


def all_services(port: int = DAGSTER_PORT, board_port: int = BOARD_PORT) -> list[Service]:
    """What `vigil up` runs; `port` is that of the Dagster UI."""
    binaries = Path(sys.executable).parent
    workspace = ["-w", str(ROOT / "workspace.yaml")] if CHECKOUT else ["-m", "jobs.definitions"]
    web = [*workspace, "-h", "127.0.0.1", "-p", str(port)]
    return [
        Service("scorer", [str(binaries / "vigil"), "score"]),
        Service(
            "dagster-webserver",
            [str(binaries / "dagster-webserver"), *web],
            f"http://127.0.0.1:{port}",
        ),
        Service("dagster-daemon", [str(binaries / "dagster-daemon"), "run", *workspace]),
        Service(
            "board",
            [str(binaries / "vigil"), "board", "--port", str(board_port)],
            f"http://127.0.0.1:{board_port}",
        ),
    ]


def service_environment(settings: Settings) -> dict[str, str]:
    """Variables that give a child process exactly these settings."""
    values = settings.model_dump(mode="json")
    variables = {
        f"VIGIL_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
        for name, value in values.items()
    }
    return variables | {"DAGSTER_HOME": str(settings.dagster_home)}


def prepare_dagster(settings: Settings) -> None:
    """Give Dagster a home with our instance settings; one that has its own keeps them."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    target = settings.dagster_home / "dagster.yaml"
    if not target.exists():
        shutil.copyfile(ROOT / "jobs" / "dagster.yaml", target)


class Supervisor:
    """Starts and stops services of one home folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._run = settings.home / "run"
        self._logs = settings.home / "logs"

    def log_path(self, service: Service) -> Path:
        """Where the service's output goes."""
        return self._logs / f"{service.name}.log"

    def find(self, service: Service) -> psutil.Process | None:
        """The running process, None where there is none.

        The start time is compared, since a pid may have been given to somebody else.
        """
        try:
            pid, started = self._pid_path(service).read_text().split()
            process = psutil.Process(int(pid))
            same = abs(process.create_time() - float(started)) < 1.0
            alive = process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
            return None
        return process if same and alive else None

    def start(self, service: Service) -> psutil.Process:
        """Start the service unless it runs already; raises DependencyError when it dies at once."""
        running = self.find(service)
        if running is not None:
            return running
        self._run.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        environment = os.environ | service_environment(self._settings)
        with self.log_path(service).open("ab") as output:
            child = subprocess.Popen(
                service.command,
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = psutil.Process(child.pid)
        self._pid_path(service).write_text(f"{child.pid} {process.create_time()}")
        time.sleep(0.3)
        if child.poll() is not None:
            tail = self.log_path(service).read_text(errors="replace")[-500:].strip()
            raise DependencyError(f"{service.name} ended at once ({child.returncode}): {tail}")
        return process

    def stop(self, service: Service) -> bool:
        """Ask the service and its children to end, then make them; False if it did not run."""
        process = self.find(service)
        if process is None:
            self._pid_path(service).unlink(missing_ok=True)
            return False
        family = [process, *process.children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, timeout=STOP_WAIT_S)
        for straggler in alive:
            straggler.kill()
        psutil.wait_procs(alive, timeout=STOP_WAIT_S)
        self._pid_path(service).unlink(missing_ok=True)
        return True

    def _pid_path(self, service: Service) -> Path:
        return self._run / f"{service.name}.pid"

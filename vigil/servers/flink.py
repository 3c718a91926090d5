"""An Apache Flink cluster of real processes: a job manager and task managers."""

import json
import sys
import urllib.request
from pathlib import Path
from typing import Any

from vigil.config import ROOT
from vigil.servers.process import ServerProcess, free_port

VERSION = "2.2.0"
ENVIRONMENT = ROOT / ".flink"
HTTP_S = 10


class FlinkProcess(ServerProcess):
    """What both kinds have in common; `settings` are lines of Flink's config.yaml."""

    version = VERSION
    needs = ("java",)
    script = ""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.settings: dict[str, Any] = {}

    @classmethod
    def missing(cls) -> str:
        """See `ServerProcess`."""
        if not (ENVIRONMENT / ".ready").exists():
            return f"Flink cannot start: its environment is missing, run `make flink` in {ROOT}"
        return super().missing()

    def lay_out(self) -> None:
        """See `ServerProcess`."""
        conf = self.home / "conf"
        conf.mkdir(exist_ok=True)
        shipped = (flink_home() / "conf" / "config.yaml").read_text()
        opts = next(line for line in shipped.splitlines() if line.strip().startswith("all:"))
        # Not the machine's own temporary folder: another user's cluster may have left files there.
        scratch = self.home / "tmp"
        scratch.mkdir(exist_ok=True)
        own = {
            "env.java.opts.all": opts.partition(":")[2].strip(),
            "io.tmp.dirs": scratch,
            **self.settings,
        }
        lines = [f"{name}: {value}\n" for name, value in own.items()]
        (conf / "config.yaml").write_text("".join(lines))
        (conf / "log4j-console.properties").write_text(_LOG4J)

    def command(self) -> list[str]:
        """See `ServerProcess`."""
        return [
            "env", f"FLINK_CONF_DIR={self.home / 'conf'}", f"FLINK_LOG_DIR={self.home}",
            str(flink_home() / "bin" / self.script), "start-foreground",
        ]  # fmt: skip


class FlinkJobManager(FlinkProcess):
    """Takes jobs by REST on `port`."""

    name = "Flink"
    script = "jobmanager.sh"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.rpc_port = free_port()
        self.settings = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": self.rpc_port,
            "jobmanager.bind-host": "127.0.0.1",
            "jobmanager.memory.process.size": "768m",
            "jobmanager.memory.jvm-metaspace.size": "192m",
            "rest.address": "127.0.0.1",
            "rest.bind-address": "127.0.0.1",
            "rest.port": self.port,
            "blob.server.port": free_port(),
            "heartbeat.timeout": 10_000,
            "heartbeat.interval": 2_000,
        }

    @property
    def address(self) -> str:
        """host:port of the REST interface."""
        return f"127.0.0.1:{self.port}"

    def ask(self, path: str, body: dict[str, Any] | None = None, method: str = "") -> Any:
        """One request to the REST interface: the answer's JSON."""
        request = urllib.request.Request(
            f"http://{self.address}/{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
            method=method or ("GET" if body is None else "POST"),
        )
        with urllib.request.urlopen(request, timeout=HTTP_S) as answer:
            return json.loads(answer.read() or b"{}")

    def answers(self) -> bool:
        """See `ServerProcess`."""
        try:
            return bool(self.ask("overview"))
        except OSError:
            return False


class FlinkTaskManager(FlinkProcess):
    """Runs tasks, and the Python workers beside them, for one job manager."""

    name = "Flink task manager"
    script = "taskmanager.sh"

    def __init__(self, home: Path, master: FlinkJobManager, slots: int = 1) -> None:
        super().__init__(home)
        self.master = master
        self.settings = {
            "jobmanager.rpc.address": "127.0.0.1",
            "jobmanager.rpc.port": master.rpc_port,
            "taskmanager.host": "127.0.0.1",
            "taskmanager.bind-host": "127.0.0.1",
            "taskmanager.resource-id": home.name,
            "taskmanager.numberOfTaskSlots": slots,
            "taskmanager.memory.process.size": "1100m",
            "taskmanager.memory.jvm-metaspace.size": "192m",
            "taskmanager.memory.jvm-overhead.min": "96m",
            "taskmanager.memory.managed.size": "256m",
            "taskmanager.memory.network.min": "32m",
            "taskmanager.memory.network.max": "32m",
            "heartbeat.timeout": 10_000,
            "heartbeat.interval": 2_000,
        }

    def answers(self) -> bool:
        """See `ServerProcess`; True once the job manager knows it."""
        known = self.master.ask("taskmanagers")["taskmanagers"]
        return any(manager["id"] == self.home.name for manager in known)


def flink_home() -> Path:
    """Flink's distribution inside the environment."""
    return next(ENVIRONMENT.glob("lib/python*/site-packages/pyflink"))


def flink_python() -> Path:
    """The environment's interpreter."""
    return ENVIRONMENT / "bin" / Path(sys.executable).name


_LOG4J = """rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
appender.console.name = console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} - %m%n
logger.jobs.name = org.apache.flink.runtime.executiongraph
logger.jobs.level = INFO
"""

"""A real Elasticsearch for tests: jars by Maven, one node on a free loopback port."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

HERE = Path(__file__).parent / "elasticsearch"
# Beside the project's environment, so that a second run downloads nothing.
CACHE = Path(__file__).parents[2] / ".venv" / "servers" / "elasticsearch"
START_WAIT_S = 120.0

_DESCRIPTOR = """description=HTTP and transport by Netty
version=8.19.4
name=transport-netty4
elasticsearch.version=8.19.4
java.version=17
classname=org.elasticsearch.transport.netty4.Netty4Plugin
"""

_LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %c{1.}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def missing() -> str:
    """What this machine lacks for a node; empty when nothing."""
    lacking = [name for name in ("java", "mvn") if shutil.which(name) is None]
    return f"Elasticsearch cannot start: no {' and no '.join(lacking)}" if lacking else ""


def _jars() -> Path:
    """Folder of the server's jars, fetched once."""
    lib = CACHE / "lib"
    if not (CACHE / ".ready").exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                "mvn", "-q", "-B", "-f", str(HERE / "pom.xml"), "dependency:copy-dependencies",
                "-DincludeScope=runtime", f"-DoutputDirectory={lib}",
            ],
            check=True, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        (CACHE / ".ready").touch()
    return lib


def _lay_out(home: Path, jars: Path) -> list[Path]:
    """A home folder as the server expects it; returns the class path."""
    module = home / "modules" / "transport-netty4"
    for folder in (home / "config", home / "plugins", home / "lib", home / "logs", module):
        folder.mkdir(parents=True, exist_ok=True)
    (home / "config" / "elasticsearch.yml").write_text("")
    (home / "config" / "log4j2.properties").write_text(_LOG4J)
    (module / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
    server = []
    for jar in sorted(jars.glob("*.jar")):
        if jar.name.startswith(("netty-", "transport-netty4")):
            shutil.copy(jar, module)
        else:
            server.append(jar)
    return server


def _ordinary_user() -> dict[str, int]:
    """The server refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def elastic_node(home: Path) -> Iterator[str]:
    """URL of a fresh node with its files in `home`, whose parents anybody may enter."""
    jars, port = _jars(), _free_port()
    class_path = ":".join(str(jar) for jar in _lay_out(home, jars))
    # Compiled here, since the server's user may not read the sources.
    subprocess.run(
        ["javac", "-cp", class_path, "-d", str(home / "lib"), str(HERE / "SingleNode.java")],
        check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    readable = home / "jars"
    shutil.copytree(jars, readable)
    class_path = ":".join(
        [str(home / "lib"), *(str(readable / Path(p).name) for p in class_path.split(":"))]
    )
    identity = _ordinary_user()
    if identity:
        subprocess.run(["chown", "-R", "nobody", str(home)], check=True)
    command = [
        "java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", f"-Des.path.home={home}",
        f"-Des.path.conf={home / 'config'}", "-Des.distribution.type=tar",
        "-Djava.security.manager=allow", f"-Djava.io.tmpdir={home / 'logs'}",
        "-cp", class_path, "SingleNode", str(home), str(port),
    ]  # fmt: skip
    log = home / "node.log"
    with log.open("wb") as output:
        node = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=home,
            env={"PATH": os.environ["PATH"]}, **identity,
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, node, log)
        yield url
    finally:
        node.terminate()
        node.wait(30)


def _wait(url: str, node: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_WAIT_S
    while time.monotonic() < deadline:
        if node.poll() is not None:
            raise RuntimeError(f"the node ended: {log.read_text(errors='replace')[-2000:]}")
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/_cluster/health", timeout=1).status_code == 200:
                return
        time.sleep(0.3)
    raise RuntimeError(f"the node did not answer: {log.read_text(errors='replace')[-2000:]}")

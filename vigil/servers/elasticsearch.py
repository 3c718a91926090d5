"""An Elasticsearch node without the distribution's X-Pack: no security, no ILM, no data streams."""

import shutil
import subprocess
import urllib.request

from vigil.servers.jars import HERE, jars
from vigil.servers.process import ServerProcess

VERSION = "8.19.4"

_DESCRIPTOR = f"""description=HTTP and transport by Netty
version={VERSION}
name=transport-netty4
elasticsearch.version={VERSION}
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


class ElasticsearchServer(ServerProcess):
    """One node; its URL is `url`."""

    name = "Elasticsearch"
    version = VERSION
    needs = ("java", "javac", "mvn")
    runs_as_root = False

    @property
    def url(self) -> str:
        """http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self.port}"

    def lay_out(self) -> None:
        """A home folder as the server expects it, jars included: its user may not read ours."""
        module, jar_folder = self.home / "modules" / "transport-netty4", self.home / "jars"
        for name in ("config", "plugins", "lib", "logs"):
            (self.home / name).mkdir()
        module.mkdir(parents=True)
        jar_folder.mkdir()
        for jar in sorted(jars("elasticsearch").glob("*.jar")):
            inside = jar.name.startswith(("netty-", "transport-netty4"))
            shutil.copy(jar, module if inside else jar_folder)
        (self.home / "config" / "elasticsearch.yml").write_text("")
        (self.home / "config" / "log4j2.properties").write_text(_LOG4J)
        (module / "plugin-descriptor.properties").write_text(_DESCRIPTOR)
        subprocess.run(
            [
                "javac", "-cp", f"{jar_folder}/*", "-d", str(self.home / "lib"),
                str(HERE / "SingleNode.java"),
            ],
            check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        self.log_path.touch()
        self.give_away(self.home)

    def command(self) -> list[str]:
        """See `ServerProcess`."""
        return [
            "java", "-Xms512m", "-Xmx512m", "-XX:+UseSerialGC", f"-Des.path.home={self.home}",
            f"-Des.path.conf={self.home / 'config'}", "-Des.distribution.type=tar",
            "-Djava.security.manager=allow", f"-Djava.io.tmpdir={self.home / 'logs'}",
            "-cp", f"{self.home / 'lib'}:{self.home / 'jars'}/*",
            "SingleNode", str(self.home), str(self.port),
        ]  # fmt: skip

    def answers(self) -> bool:
        """See `ServerProcess`."""
        try:
            with urllib.request.urlopen(f"{self.url}/_cluster/health", timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

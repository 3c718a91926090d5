"""A Kafka broker in KRaft mode: broker and controller in one process."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from vigil.servers.jars import jars
from vigil.servers.process import ServerProcess, accepts, free_port

VERSION = "4.1.0"


@dataclass(frozen=True, slots=True)
class Security:
    """TLS with one SCRAM-SHA-512 user. PEM files: the broker's key and chain, and the authority."""

    key_and_chain: Path
    authority: Path
    user: str
    password: str


class KafkaServer(ServerProcess):
    """Listens on loopback; with `security` its clients need TLS and a password.

    `advertised_port` is what clients are told to connect to: a proxy's port, for instance.
    """

    name = "Kafka"
    version = VERSION
    needs = ("java", "mvn")

    def __init__(
        self, home: Path, security: Security | None = None, advertised_port: int | None = None
    ) -> None:
        super().__init__(home)
        self.security = security
        self.advertised_port = advertised_port or self.port
        self._controller_port = free_port()

    @property
    def address(self) -> str:
        """host:port for clients."""
        return f"127.0.0.1:{self.advertised_port}"

    def lay_out(self) -> None:
        """Settings and a formatted storage."""
        (self.home / "log4j2.properties").write_text(_LOG4J)
        self._properties.write_text("\n".join(self._settings()))
        cluster = self._run("random-uuid").strip().splitlines()[-1]
        format_storage = ["format", "-t", cluster, "-c", str(self._properties)]
        if self.security:
            user, password = self.security.user, self.security.password
            format_storage += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
        self._run(*format_storage)

    @property
    def _properties(self) -> Path:
        return self.home / "server.properties"

    def _settings(self) -> list[str]:
        protocol = "SASL_SSL" if self.security else "PLAINTEXT"
        settings = [
            "process.roles=broker,controller",
            "node.id=1",
            f"controller.quorum.voters=1@127.0.0.1:{self._controller_port}",
            f"listeners=CLIENTS://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self._controller_port}",
            f"advertised.listeners=CLIENTS://{self.address}",
            f"listener.security.protocol.map=CLIENTS:{protocol},CONTROLLER:PLAINTEXT",
            "controller.listener.names=CONTROLLER",
            "inter.broker.listener.name=CLIENTS",
            f"log.dirs={self.home / 'data'}",
            "offsets.topic.replication.factor=1",
            "offsets.topic.num.partitions=1",
            "transaction.state.log.replication.factor=1",
            "transaction.state.log.min.isr=1",
            "group.initial.rebalance.delay.ms=0",
            "auto.create.topics.enable=false",
            # After a crash the broker waits for its former self's session to end.
            "broker.session.timeout.ms=2000",
            "broker.heartbeat.interval.ms=500",
        ]
        if self.security:
            login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
            secret = f'username="{self.security.user}" password="{self.security.password}"'
            settings += [
                "sasl.enabled.mechanisms=SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
                f"listener.name.clients.scram-sha-512.sasl.jaas.config={login} {secret};",
                "ssl.keystore.type=PEM",
                f"ssl.keystore.location={self.security.key_and_chain}",
                "ssl.truststore.type=PEM",
                f"ssl.truststore.location={self.security.authority}",
            ]
        return settings

    def _java(self) -> list[str]:
        return [
            "java", "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
            f"-Dlog4j2.configurationFile={self.home / 'log4j2.properties'}",
            "-cp", f"{jars('kafka')}/*",
        ]  # fmt: skip

    def _run(self, *arguments: str) -> str:
        command = [*self._java(), "kafka.tools.StorageTool", *arguments]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60
        ).stdout

    def command(self) -> list[str]:
        """See `ServerProcess`."""
        return [*self._java(), "kafka.Kafka", str(self._properties)]

    def answers(self) -> bool:
        """See `ServerProcess`; the port opens when the broker has caught up with its log."""
        return accepts(self.port)


_LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %c{1.}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""

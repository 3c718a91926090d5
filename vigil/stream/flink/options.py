"""What the Flink job is told: where its topics are, how they are cut, how its state is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vigil.config import Settings
from vigil.detect import DetectorSettings
from vigil.errors import ConfigError
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_METRICS
from vigil.stores.kafka_address import KafkaAddress, parse_address
from vigil.stream.flink.tables import TOPIC_SCORES, TOPIC_WINDOWS
from vigil.windows.tumbling import WindowSpec

GROUP = "vigil-flink"
READ = (TOPIC_EVENTS, TOPIC_METRICS)
WRITTEN = (TOPIC_WINDOWS, TOPIC_SCORES, TOPIC_DEAD_LETTERS)

# Brokers allow 15 minutes unless told otherwise. A transaction has to outlive a checkpoint and the
# time that a restart takes.
TRANSACTION_MS = 900_000
MAX_MESSAGE_BYTES = 16 << 20
# A batch of messages is decoded at once: large enough to think in columns, small enough for memory.
MESSAGES_PER_BATCH = 256
BATCH_WAIT_MS = 100

# Flink's Kafka connector brings the Kafka client under a name of its own.
_LOGIN = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security"
_MODULES = {"PLAIN": "plain.PlainLoginModule"}
_SCRAM = "scram.ScramLoginModule"


@dataclass(frozen=True, slots=True)
class JobOptions:
    """`shards` is fixed for the life of the job's state; `parallelism` may change at a savepoint.

    `checkpoints`: URI of a folder that all machines reach. `start`: `earliest`, `committed` or
    epoch milliseconds, used where there is no savepoint.
    """

    kafka: Mapping[str, str]
    spec: WindowSpec
    limits: Limits
    detector: DetectorSettings
    store_url: str
    registry: str
    checkpoints: str
    shards: int = 16
    parallelism: int = 1
    checkpoint_s: float = 10.0
    start: str = "earliest"

    def source(self) -> str:
        """The statement that makes the table `source`: one row a message."""
        start = {
            "earliest": {"scan.startup.mode": "earliest-offset"},
            "committed": {
                "scan.startup.mode": "group-offsets",
                "properties.auto.offset.reset": "earliest",
            },
        }.get(self.start)
        if start is None:
            start = {"scan.startup.mode": "timestamp", "scan.startup.timestamp-millis": self.start}
        columns = (
            "topic STRING NOT NULL METADATA VIRTUAL, `partition` INT NOT NULL METADATA VIRTUAL,"
            " `offset` BIGINT NOT NULL METADATA VIRTUAL,"
            " headers MAP<STRING, BYTES> METADATA VIRTUAL,"
            " appended_at TIMESTAMP_LTZ(3) NOT NULL METADATA FROM 'timestamp' VIRTUAL,"
            " `value` BYTES"
        )
        options = {
            "connector": "kafka",
            "topic": ";".join(READ),
            "properties.group.id": GROUP,
            "format": "raw",
            **start,
            **self._connection(),
        }
        return _create("source", columns, options)

    def sink(self) -> str:
        """The statement that makes the table `sink`: the topic is a column, all in one transaction.

        Keyed by shard, so that what a shard writes stays in order.
        """
        columns = (
            "topic STRING NOT NULL METADATA, shard BYTES, headers MAP<STRING, BYTES> METADATA,"
            " `value` BYTES"
        )
        options = {
            "connector": "kafka",
            "topic": ";".join(WRITTEN),
            "key.format": "raw",
            "key.fields": "shard",
            "value.format": "raw",
            "value.fields-include": "EXCEPT_KEY",
            "sink.delivery-guarantee": "exactly-once",
            "sink.transactional-id-prefix": GROUP,
            "properties.transaction.timeout.ms": str(TRANSACTION_MS),
            "properties.max.request.size": str(MAX_MESSAGE_BYTES),
            "properties.compression.type": "lz4",
            **self._connection(),
        }
        return _create("sink", columns, options)

    def _connection(self) -> dict[str, str]:
        return {f"properties.{name}": value for name, value in self.kafka.items()}

    def flink_settings(self) -> dict[str, str]:
        """Settings of the job; those of the cluster are its own."""
        return {
            "pipeline.name": "vigil",
            "parallelism.default": str(self.parallelism),
            "state.backend.type": "rocksdb",
            "execution.checkpointing.incremental": "true",
            "execution.checkpointing.mode": "EXACTLY_ONCE",
            "execution.checkpointing.interval": f"{int(self.checkpoint_s * 1000)} ms",
            "execution.checkpointing.dir": self.checkpoints,
            "execution.checkpointing.savepoint-dir": f"{self.checkpoints}/savepoints",
            # What a lost job manager leaves behind, to go on from.
            "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
            "restart-strategy.type": "exponential-delay",
            "restart-strategy.exponential-delay.initial-backoff": "1 s",
            "restart-strategy.exponential-delay.max-backoff": "30 s",
            "table.local-time-zone": "UTC",
            "python.fn-execution.bundle.size": str(MESSAGES_PER_BATCH),
            "python.fn-execution.bundle.time": str(BATCH_WAIT_MS),
            "python.fn-execution.arrow.batch.size": str(MESSAGES_PER_BATCH),
        }


def options_from(settings: Settings, checkpoints: str, **given: object) -> JobOptions:
    """Options from Vigil's settings; raises ConfigError where the log is not Kafka."""
    if not settings.log_url.startswith(("kafka:", "kafkas:")):
        raise ConfigError("VIGIL_LOG_URL must be kafka://HOST:PORT for the Flink job")
    spec = WindowSpec(
        window_s=settings.window_s,
        out_of_order_s=settings.out_of_order_s,
        lateness_s=settings.lateness_s,
    )
    return JobOptions(
        kafka=java_client(parse_address(settings.log_url)),
        spec=spec,
        limits=settings.limits,
        detector=settings.detector,
        store_url=settings.store_url,
        registry=str(settings.registry_path),
        checkpoints=checkpoints,
        **given,  # type: ignore[arg-type]
    )


def java_client(address: KafkaAddress) -> dict[str, str]:
    """Settings of Kafka's Java client, from those of librdkafka."""
    known = dict(address.client)
    names = ("bootstrap.servers", "security.protocol", "sasl.mechanism")
    settings: dict[str, str] = {name: str(known[name]) for name in names if name in known}
    if "sasl.username" in known:
        module = _MODULES.get(known["sasl.mechanism"], _SCRAM)
        user, password = _quoted(known["sasl.username"]), _quoted(known["sasl.password"])
        settings["sasl.jaas.config"] = (
            f"{_LOGIN}.{module} required username={user} password={password};"
        )
    if "ssl.ca.location" in known:
        settings |= {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": known["ssl.ca.location"],
        }
    if "ssl.certificate.location" in known:
        settings |= {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": Path(known["ssl.certificate.location"]).read_text(),
            "ssl.keystore.key": Path(known["ssl.key.location"]).read_text(),
        }
    return settings


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _create(table: str, columns: str, options: Mapping[str, str]) -> str:
    quoted = ", ".join(
        f"'{name}' = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in options.items()
    )
    return f"CREATE TEMPORARY TABLE {table} ({columns}) WITH ({quoted})"

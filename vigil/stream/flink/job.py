"""The Flink job: Kafka → split → shards → Kafka, exactly once.

Runs in an environment of its own (`make flink`), since Flink needs older releases of numpy and
pyarrow than the rest of Vigil. All work is in plain classes that are tested without Flink.
"""

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
from pyflink.common import Configuration, Row, Types
from pyflink.datastream import (
    KeyedProcessFunction,
    RuntimeContext,
    StreamExecutionEnvironment,
)
from pyflink.datastream.state import ListStateDescriptor, ValueStateDescriptor
from pyflink.java_gateway import get_gateway
from pyflink.table import DataTypes, StreamTableEnvironment
from pyflink.table.udf import FunctionContext, ScalarFunction, udf

from vigil.detect import OnlineDetector
from vigil.events.decode import Limits
from vigil.stream.flink.champion import ChampionPoll
from vigil.stream.flink.idleness import Idleness
from vigil.stream.flink.options import READ, JobOptions
from vigil.stream.flink.piece import Piece, shard_of
from vigil.stream.flink.shard import Shard, Share
from vigil.stream.flink.splitting import SourceMessage, Splitter
from vigil.stream.tables import Output

BYTES = Types.PRIMITIVE_ARRAY(Types.BYTE())
OUTPUT = Types.ROW_NAMED(
    ["topic", "shard", "headers", "value"],
    [Types.STRING(), BYTES, Types.MAP(Types.STRING(), BYTES), BYTES],
)

IDLE_AFTER_MS = 5_000
# A piece waits for a step no longer than this, even if no window ends.
TICK_MS = 1_000
WAIT_MS = 5_000


class Split(ScalarFunction):
    """Vectorised: a batch of messages in, all of their pieces in the first row out."""

    def __init__(self, shards: int, limits: Limits) -> None:
        self._shards = shards
        self._limits = limits

    def open(self, function_context: FunctionContext) -> None:
        """Called in the Python worker."""
        self._splitter = Splitter(self._shards, self._limits)

    def eval(
        self,
        topic: pd.Series,
        partition: pd.Series,
        offset: pd.Series,
        appended_at: pd.Series,
        content_type: pd.Series,
        value: pd.Series,
    ) -> pd.Series:
        """See `Splitter.split`."""
        appended_ms = appended_at.dt.as_unit("ms").astype("int64")
        columns = (
            topic,
            partition,
            offset,
            appended_ms,
            content_type.fillna(""),
            value.fillna(b""),
        )
        messages = list(map(SourceMessage, *columns))
        pieces = self._splitter.split(messages, datetime.now(UTC))
        blobs: list[list[bytes]] = [[] for _ in messages]
        blobs[0] = [piece.to_bytes() for piece in pieces]
        return pd.Series(blobs)


class Shards(KeyedProcessFunction):
    """Steps the shards of this task.

    A shard lives in memory; Flink's state has it as it was after its last step, and the pieces it
    has taken since.
    """

    def __init__(self, options: JobOptions, partitions: dict[str, int]) -> None:
        self._options = options
        self._partitions = partitions

    def open(self, runtime_context: RuntimeContext) -> None:
        """Called in the Python worker."""
        self._stepped = runtime_context.get_state(ValueStateDescriptor("stepped", BYTES))
        self._taken = runtime_context.get_list_state(ListStateDescriptor("taken", BYTES))
        self._shards: dict[int, Shard] = {}
        self._idleness: dict[int, Idleness] = {}
        self._tick_ms: dict[int, int] = {}
        self._stepped_ms: dict[int, int] = {}
        self._champion = ChampionPoll(self._options.store_url, self._options.registry)

    def process_element(self, value: Row, ctx: KeyedProcessFunction.Context) -> Iterator[Row]:
        """Take a piece; step when a window has ended."""
        number, blob = ctx.get_current_key(), value[0]
        shard, now_ms = self._shard(number), _now_ms()
        self._taken.add(blob)
        due = shard.take(blob)
        self._idleness[number].arrived(*Piece.origin(blob), now_ms)
        if due:
            yield from self._step(number, shard)
        self._tick(number, ctx, now_ms)

    def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
        """Stop waiting for silent partitions; let nothing wait for long."""
        number = ctx.get_current_key()
        shard, now_ms = self._shard(number), _now_ms()
        silent = self._idleness[number].idle(shard.awaited(), now_ms)
        due = [shard.mark_idle(*place) for place in silent]
        if any(due) or (shard.waits and now_ms - self._stepped_ms.get(number, 0) > WAIT_MS):
            yield from self._step(number, shard)
        if shard.waits or self._idleness[number].is_busy(now_ms):
            self._tick(number, ctx, now_ms)

    def _shard(self, number: int) -> Shard:
        """The shard in memory; after a restart, from Flink's state."""
        found = self._shards.get(number)
        if found is None:
            options = self._options
            detector = OnlineDetector(options.detector)
            share = Share(number, options.shards, self._partitions)
            found = Shard(share, options.spec, detector)
            stepped = self._stepped.value()
            if stepped is not None:
                found.restore(bytes(stepped))
            for blob in self._taken.get() or ():
                found.take(bytes(blob))
            self._shards[number] = found
            self._idleness[number] = Idleness(IDLE_AFTER_MS)
        return found

    def _step(self, number: int, shard: Shard) -> Iterator[Row]:
        shard.use(self._champion.bundle())
        for output in shard.step():
            yield _row(number, output)
        self._stepped.update(shard.state())
        self._taken.clear()
        self._stepped_ms[number] = _now_ms()

    def _tick(self, number: int, ctx: Any, now_ms: int) -> None:
        if self._tick_ms.get(number, 0) <= now_ms:
            at_ms = (now_ms // TICK_MS + 1) * TICK_MS
            ctx.timer_service().register_processing_time_timer(at_ms)
            self._tick_ms[number] = at_ms


def _now_ms() -> int:
    return int(time.time() * 1000)


def _row(number: int, output: Output) -> Row:
    headers = {name: text.encode() for name, text in output.headers.items()}
    return Row(output.topic, str(number).encode(), headers, output.value)


def build(
    options: JobOptions, jobmanager: str = "", savepoint: str = ""
) -> StreamExecutionEnvironment:
    """The topology, ready to be executed: by a cluster, or in this process where none is named."""
    env = _environment(_configuration(options, jobmanager, savepoint))
    tables = StreamTableEnvironment.create(env)
    pieces = DataTypes.ARRAY(DataTypes.BYTES())
    split = udf(Split(options.shards, options.limits), result_type=pieces, func_type="pandas")
    tables.create_temporary_function("pieces_of", split)
    tables.execute_sql(options.source())
    tables.execute_sql(options.sink())
    found = tables.sql_query(
        "SELECT piece FROM (SELECT pieces_of(topic, `partition`, `offset`,"
        " appended_at, DECODE(headers['content-type'], 'UTF-8'), `value`) AS pieces FROM source)"
        " CROSS JOIN UNNEST(pieces) AS unnested (piece)"
    )
    outputs = (
        tables.to_data_stream(found)
        .key_by(lambda row: shard_of(row[0]), key_type=Types.INT())
        .process(Shards(options, _partitions(options)), output_type=OUTPUT)
        .name("shards")
        .uid("shards")
    )
    statements = tables.create_statement_set()
    statements.add_insert("sink", tables.from_data_stream(outputs))
    statements.attach_as_datastream()
    return env


def _partitions(options: JobOptions) -> dict[str, int]:
    """How many partitions the topics that are read have."""
    jvm = get_gateway().jvm
    settings = jvm.java.util.Properties()
    for name, value in options.kafka.items():
        settings.setProperty(name, value)
    admin = jvm.org.apache.flink.kafka.shaded.org.apache.kafka.clients.admin.Admin.create(settings)
    try:
        found = admin.describeTopics(list(READ)).allTopicNames().get()
        return {topic: found[topic].partitions().size() for topic in READ}
    finally:
        admin.close()


def _environment(configuration: Configuration) -> StreamExecutionEnvironment:
    # PyFlink's own constructors know no remote cluster together with a configuration.
    java = get_gateway().jvm.org.apache.flink.streaming.api.environment
    return StreamExecutionEnvironment(
        java.StreamExecutionEnvironment(configuration._j_configuration)
    )


def _configuration(options: JobOptions, jobmanager: str, savepoint: str) -> Configuration:
    settings = options.flink_settings()
    # The workers' Python is the one that submits, in the same place on every machine.
    settings |= {"python.executable": sys.executable, "python.client.executable": sys.executable}
    settings["execution.target"] = "remote" if jobmanager else "local"
    if jobmanager:
        host, _, port = jobmanager.rpartition(":")
        settings |= {"rest.address": host, "rest.port": port}
    if savepoint:
        settings["execution.state-recovery.path"] = savepoint
    configuration = Configuration()
    for name, value in settings.items():
        configuration.set_string(name, value)
    return configuration

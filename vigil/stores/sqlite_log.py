"""The embedded event log: a SQLite file that many processes append to and read from.

Write-ahead logging lets readers go on while one process writes. An append is one transaction with
synchronous=FULL: once it returns, the messages survive a power cut. Offsets are handed out inside
that transaction, so a partition has no gaps and a reader never sees half an append.
"""

import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson

from vigil.errors import LogError
from vigil.events.content import CONTENT_TYPE
from vigil.stores.log import Message, MessageBatch, StoredMessage
from vigil.stores.sqlite_file import open_sqlite

BUSY_TIMEOUT_S = 60.0
_FIRST_ROWS = 16

_SCHEMA = """
CREATE TABLE IF NOT EXISTS topics (
    topic TEXT PRIMARY KEY, partitions INTEGER NOT NULL, turn INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS ends (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
    appended_us INTEGER NOT NULL, key BLOB, headers BLOB NOT NULL, value BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS messages_by_place ON messages (topic, partition, offset);
CREATE TABLE IF NOT EXISTS commits (
    consumer TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL, PRIMARY KEY (consumer, topic, partition)
) WITHOUT ROWID;
"""


class SqliteLog:
    """An `EventLog` in one file; an instance may be shared by threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        try:
            self._connection = open_sqlite(
                path, _SCHEMA, timeout=BUSY_TIMEOUT_S, isolation_level=None
            )
        except (sqlite3.Error, OSError) as error:
            raise LogError(f"the event log {path} cannot be opened: {error}") from error

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """See `EventLog`."""
        with self._transaction() as connection:
            self._ensure(connection, topic, partitions)

    def _ensure(self, connection: sqlite3.Connection, topic: str, partitions: int = 1) -> None:
        added = connection.execute(
            "INSERT OR IGNORE INTO topics (topic, partitions) VALUES (?, ?)", (topic, partitions)
        ).rowcount
        if added:
            places = [(topic, number) for number in range(partitions)]
            connection.executemany("INSERT INTO ends VALUES (?, ?, 0)", places)

    def partitions(self, topic: str) -> int:
        """See `EventLog`."""
        rows = self._query("SELECT partitions FROM topics WHERE topic = ?", (topic,))
        return rows[0][0] if rows else 0

    def append(self, topic: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """See `EventLog`."""
        now_us = int(datetime.now(UTC).timestamp() * 1e6)
        places, rows = [], []
        with self._transaction() as connection:
            self._ensure(connection, topic)
            partitions, turn = connection.execute(
                "SELECT partitions, turn FROM topics WHERE topic = ?", (topic,)
            ).fetchone()
            ends = dict(
                connection.execute(
                    "SELECT partition, next_offset FROM ends WHERE topic = ?", (topic,)
                )
            )
            for message in messages:
                if message.key is None:
                    partition, turn = turn % partitions, turn + 1
                else:
                    partition = zlib.crc32(message.key) % partitions
                offset = ends[partition]
                ends[partition] += 1
                places.append((partition, offset))
                headers = orjson.dumps(dict(message.headers))
                rows.append((topic, partition, offset, now_us, message.key, headers, message.value))
            connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            connection.executemany(
                "UPDATE ends SET next_offset = ? WHERE topic = ? AND partition = ?",
                [(end, topic, partition) for partition, end in ends.items()],
            )
            connection.execute("UPDATE topics SET turn = ? WHERE topic = ?", (turn, topic))
        return places

    def read(
        self, topic: str, partition: int, offset: int, max_messages: int, max_bytes: int = 64 << 20
    ) -> MessageBatch:
        """See `EventLog`."""
        query = (
            "SELECT offset, appended_us, key, headers, value FROM messages"
            " WHERE topic = ? AND partition = ? AND offset >= ? ORDER BY offset LIMIT ?"
        )
        rows: list[tuple[int, int, bytes | None, bytes, bytes]] = []
        size = 0
        with self._guarded() as connection:
            cursor = connection.execute(query, (topic, partition, offset, max_messages))
            at_once = _FIRST_ROWS
            while size < max_bytes and (some := cursor.fetchmany(at_once)):
                rows += some
                size += sum(len(row[4]) for row in some)
                # A message may be one event or a thousand: no more than will be handed out.
                at_once = (max_bytes - size) * len(rows) // max(size, 1) + 1
        while size > max_bytes and len(rows) > 1:
            size -= len(rows.pop()[4])

        def row(number: int) -> StoredMessage:
            at, appended_us, key, headers, value = rows[number]
            appended_at = datetime.fromtimestamp(appended_us / 1e6, UTC)
            message = Message(value, orjson.loads(headers), key)
            return StoredMessage(topic, partition, at, appended_at, message)

        offsets, _, _, headers, values = zip(*rows, strict=True) if rows else ((),) * 5
        # Messages differ in little but their values: each distinct set of headers is read once.
        types = {text: orjson.loads(text).get(CONTENT_TYPE, "") for text in set(headers)}
        return MessageBatch(values, [types[text] for text in headers], offsets, row)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        return dict(
            self._query("SELECT partition, next_offset FROM ends WHERE topic = ?", (topic,))
        )

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `EventLog`."""
        before = self.committed(group, topic)
        for partition, offset in offsets.items():
            if offset < before.get(partition, 0):
                raise LogError(
                    f"offset of {group} must not go back, got {offset} after {before[partition]}"
                    f" (topic {topic}, partition {partition})"
                )
        with self._transaction() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)",
                [(group, topic, partition, offset) for partition, offset in offsets.items()],
            )

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        query = "SELECT partition, next_offset FROM commits WHERE consumer = ? AND topic = ?"
        return dict(self._query(query, (group, topic)))

    def close(self) -> None:
        """See `EventLog`."""
        self._connection.close()

    def _query(self, query: str, parameters: tuple[str, ...]) -> list[tuple[int, int]]:
        with self._guarded() as connection:
            return connection.execute(query, parameters).fetchall()

    @contextmanager
    def _guarded(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._connection
        except sqlite3.Error as error:
            raise LogError(f"the event log {self._path} failed: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing; the write lock is taken at once, so that offsets cannot be raced for."""
        with self._guarded() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

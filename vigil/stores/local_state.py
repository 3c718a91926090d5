"""The scorer's state on a disk of its own machine: an SQLite file of parts, by their digest.

The database then holds what names them. At a hundred thousand series it need not write tens of
megabytes at the end of each window, nor send them over the network.
"""

import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vigil.errors import StoreError
from vigil.stores.sqlite_file import open_sqlite

# What a scorer that was killed has put, and never committed, is removed when another begins. It
# may still live, and be about to commit.
ABANDONED_S = 3_600.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS parts (
    consumer TEXT NOT NULL, digest BLOB NOT NULL, put_at REAL NOT NULL, content BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS parts_by_digest ON parts (consumer, digest);
"""


class LocalState:
    """Parts of one consumer's checkpoints; used by one thread at a time.

    All methods raise StoreError when the file cannot be used.
    """

    def __init__(self, path: Path, consumer: str) -> None:
        self._path = path
        self._consumer = consumer
        try:
            self._connection = open_sqlite(path, _SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the state {path} cannot be opened: {error}") from error

    def put(self, contents: Mapping[bytes, bytes]) -> None:
        """Keep contents by digest; they survive a power cut once this returns."""
        now_s = time.time()
        rows = [(self._consumer, digest, now_s, found) for digest, found in contents.items()]
        self._write(
            "INSERT INTO parts VALUES (?, ?, ?, ?)"
            " ON CONFLICT (consumer, digest) DO UPDATE SET put_at = excluded.put_at",
            rows,
        )

    def get(self, digests: Iterable[bytes]) -> dict[bytes, bytes]:
        """Digest → content, for all of them; raises StoreError where one is missing."""
        query = "SELECT content FROM parts WHERE consumer = ? AND digest = ?"
        found = {}
        for digest in digests:
            rows = self._read(query, digest)
            if not rows:
                raise StoreError(
                    f"the last checkpoint's part {digest.hex()} is not in {self._path}: the"
                    " scorer needs the file that it has written"
                )
            found[digest] = rows[0][0]
        return found

    def forget(self, digests: Iterable[bytes]) -> None:
        """What no checkpoint names any more."""
        rows = [(self._consumer, digest) for digest in digests]
        self._write("DELETE FROM parts WHERE consumer = ? AND digest = ?", rows)

    def sweep(self, named: Iterable[bytes]) -> None:
        """Forget what is not among `named` and was put long ago."""
        query = "SELECT digest FROM parts WHERE consumer = ? AND put_at < ?"
        old = self._read(query, time.time() - ABANDONED_S)
        self.forget({digest for (digest,) in old} - set(named))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _read(self, query: str, value: bytes | float) -> list[tuple[bytes]]:
        try:
            return self._connection.execute(query, (self._consumer, value)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"the state {self._path} cannot be read: {error}") from error

    def _write(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            with self._connection:
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise StoreError(f"the state {self._path} cannot be written: {error}") from error

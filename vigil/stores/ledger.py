"""Keeps the ledger small: decisions leave their rows for blocks, and go when they are old.

Rows are quick to write and to search; blocks take a fiftieth of the room. What was flagged stays in
rows, since it is few and asked for most. `WindowStore.scores` reads both.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event

import polars as pl
import sqlalchemy as sa

from vigil.stores.database import driver, read_frame
from vigil.stores.score_blocks import BLOCK, BLOCK_S, decode_blocks, encode_blocks
from vigil.stores.timescale import SCORES

# Bounds one transaction: some hundred thousand rows.
SERIES_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class LedgerSpec:
    """How long decisions stay as rows, in hours, and how long they are kept at all, in days."""

    hot_h: float = 6.0
    kept_days: int = 30


class LedgerKeeper:
    """Moves and forgets decisions of one database. Any number of calls, at any time, is safe.

    Ages are measured in event time from the newest decision, so that replaying the past does not
    age it.
    """

    def __init__(self, engine: sa.Engine, spec: LedgerSpec) -> None:
        self._engine = engine
        self.spec = spec
        self._stopped = Event()

    def stop(self) -> None:
        """Let a `tidy` that runs in another thread end after its transaction."""
        self._stopped.set()

    def tidy(self) -> int:
        """Pack what is due and forget what is too old; returns the decisions packed.

        Raises StoreError when the database is down; what was moved by then stays moved.
        """
        newest = self._newest()
        if newest is None:
            return 0
        due_at = _block_start(newest - timedelta(hours=self.spec.hot_h))
        packed = 0
        while not self._stopped.is_set():
            start_at = self._oldest_unflagged()
            if start_at is None or start_at >= due_at:
                break
            packed += self._pack_span(start_at)
        self._forget(newest - timedelta(days=self.spec.kept_days))
        return packed

    def _newest(self) -> datetime | None:
        query = "SELECT max(window_start) FROM scores WHERE NOT flagged"
        with self._engine.connect() as connection:
            found: datetime | None = connection.execute(sa.text(query)).scalar()
        return found

    def _oldest_unflagged(self) -> datetime | None:
        """Start of the oldest span that has rows to pack."""
        query = "SELECT min(window_start) FROM scores WHERE NOT flagged"
        with self._engine.connect() as connection:
            found = connection.execute(sa.text(query)).scalar()
        return None if found is None else _block_start(found)

    def _pack_span(self, start_at: datetime) -> int:
        query = (
            "SELECT DISTINCT series_id FROM scores"
            " WHERE NOT flagged AND window_start >= :start_at AND window_start < :end_at"
        )
        values = {"start_at": start_at, "end_at": start_at + BLOCK}
        with self._engine.connect() as connection:
            series_ids = list(connection.execute(sa.text(query), values).scalars())
        series_ids.sort()
        return sum(
            self._pack(series_ids[first : first + SERIES_AT_ONCE], start_at)
            for first in range(0, len(series_ids), SERIES_AT_ONCE)
            if not self._stopped.is_set()
        )

    def _pack(self, series_ids: list[int], start_at: datetime) -> int:
        """Rows of these series in one span become blocks, at once or not at all."""
        take = (
            "DELETE FROM scores WHERE NOT flagged AND series_id = ANY(%s)"
            f" AND window_start >= %s AND window_start < %s RETURNING {', '.join(SCORES)}"
        )
        with self._engine.begin() as connection:
            # Read and deleted by one statement, so that a row written meanwhile cannot be lost.
            rows = read_frame(connection, take, (series_ids, start_at, start_at + BLOCK), SCORES)
            # A late revision may find that its span has been packed before.
            known = _existing(connection, series_ids, start_at)
            together = pl.concat([known, rows])
            put = (
                "INSERT INTO score_blocks (series_id, block_start, windows, content)"
                " VALUES (%s, %s, %s, %s) ON CONFLICT (series_id, block_start)"
                " DO UPDATE SET windows = excluded.windows, content = excluded.content"
            )
            with driver(connection).cursor() as cursor:
                cursor.executemany(put, list(encode_blocks(together)))
        return rows.height

    def _forget(self, before: datetime) -> None:
        statements = (
            "DELETE FROM score_blocks WHERE block_start < :before",
            "DELETE FROM scores WHERE flagged AND window_start < :before",
            "DELETE FROM attributions WHERE window_start < :before",
            "DELETE FROM service_edges WHERE window_start < :before",
            "DELETE FROM journey_minutes WHERE window_start < :before",
        )
        with self._engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement), {"before": before})


def _existing(connection: sa.Connection, series_ids: list[int], start_at: datetime) -> pl.DataFrame:
    query = sa.text(
        "SELECT series_id, block_start, content FROM score_blocks"
        " WHERE series_id = ANY(:series_ids) AND block_start = :start_at"
    )
    values = {"series_ids": series_ids, "start_at": start_at}
    return decode_blocks(tuple(row) for row in connection.execute(query, values))


def _block_start(at: datetime) -> datetime:
    return datetime.fromtimestamp(int(at.timestamp()) // BLOCK_S * BLOCK_S, UTC)

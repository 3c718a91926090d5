"""Changes in the database: what was done to services, when, by whom."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from vigil.events.schema import stable_id
from vigil.rootcause.changes import CHANGES, Change, changes_frame
from vigil.stores.database import copy_frame, read_frame


class ChangeStore:
    """Adds and finds changes. Adding the same change again changes nothing."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def add(self, changes: Iterable[Change]) -> int:
        """Keep changes; returns how many were new."""
        known = list(changes)
        identities = pl.Series("change_id", [_identity(change) for change in known], pl.String)
        frame = changes_frame(known).with_columns(identities)
        count = sa.text("SELECT count(*) FROM changes")
        with self.engine.begin() as connection:
            before = connection.execute(count).scalar_one()
            copy_frame(connection, frame.unique("change_id"), "changes", "(change_id) DO NOTHING")
            return int(connection.execute(count).scalar_one() - before)

    def between(self, start_at: datetime, end_at: datetime) -> pl.DataFrame:
        """Changes from `start_at` to `end_at`, the newest first; columns `CHANGES`."""
        query = (
            f"SELECT {', '.join(CHANGES)} FROM changes WHERE at >= %(start)s AND at <= %(end)s"
            " ORDER BY at DESC, change_id"
        )
        span = {"start": start_at, "end": end_at}
        with self.engine.connect() as connection:
            return read_frame(
                connection,
                query,
                span,
                {n: t() if isinstance(t, type) else t for n, t in CHANGES.items()},
            )


def _identity(change: Change) -> str:
    parts = [change.at.isoformat(), *(getattr(change, name) for name in CHANGES if name != "at")]
    return f"chg-{stable_id(parts) & 0xFFFFFFFFFFFFFFFF:016x}"

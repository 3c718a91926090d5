"""The ledger as a stream for replays, and the difference that two policies make."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.alerts.policy.schema import Policy
from vigil.alerts.replay import Replayed, TopicReplays
from vigil.events.schema import TOPIC_EVENTS
from vigil.incidents.grouping import VANISHED_AFTER
from vigil.stores.checkpoint import CONSUMER, CheckpointStore
from vigil.stores.timescale import WindowStore
from vigil.stream.state import State, document_part

DAY = timedelta(days=1)
# A page of the same incident's place within this is the same page, moved.
MOVED_WITHIN = timedelta(hours=1)

Call = tuple[str, str]


class LedgerPast:
    """Decisions of one database, day by day, with the names of their series.

    `calls`: (caller, callee) pairs of services; as the scorer has learnt them unless given.
    """

    def __init__(
        self, engine: sa.Engine, window_s: int, calls: Sequence[Call] | None = None
    ) -> None:
        self._engine = engine
        self._given_calls = calls
        self._store = WindowStore(engine)
        self._window_s = window_s

    def newest(self) -> datetime | None:
        """End of the newest decision's window."""
        query = sa.text(
            "SELECT greatest((SELECT max(window_start) FROM scores WHERE NOT flagged),"
            " (SELECT max(window_start) FROM scores WHERE flagged))"
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else found + timedelta(seconds=self._window_s)

    def replay(
        self,
        policies: Sequence[Policy],
        start_at: datetime,
        end_at: datetime,
        done: Callable[[], object] = lambda: None,
    ) -> list[Replayed]:
        """The same decisions through each policy; `done` is called once a day."""
        calls = learnt_calls(self._engine) if self._given_calls is None else self._given_calls
        replays = [TopicReplays(policy, self._window_s, calls) for policy in policies]
        for rows in self._days(start_at, end_at):
            for replay in replays:
                replay.feed(rows)
            done()
        return [replay.result() for replay in replays]

    def _days(self, start_at: datetime, end_at: datetime) -> Iterator[pl.DataFrame]:
        series = self._store.series().drop("key_id")
        at = start_at
        while at < end_at:
            upto = min(at + DAY, end_at)
            rows = self._store.scores(at, upto, series_ids=self._lively(at, upto))
            traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
            yield (
                rows.join(series, on="series_id")
                .with_columns(traces)
                .sort("window_start", "revision", "series_id")
            )
            at = upto

    def _lively(self, start_at: datetime, end_at: datetime) -> list[int]:
        """Series that had a flag lately: only they can open, hold or end an incident."""
        query = sa.text(
            "SELECT DISTINCT series_id FROM scores WHERE flagged AND window_start >= :start_at"
            " AND window_start < :end_at"
        )
        values = {"start_at": start_at - VANISHED_AFTER, "end_at": end_at}
        with self._engine.connect() as connection:
            return list(connection.execute(query, values).scalars())


def learnt_calls(engine: sa.Engine) -> list[Call]:
    """Who calls whom, as the scorer has learnt it."""
    tracker = f"incidents.{TOPIC_EVENTS}"
    checkpoint = CheckpointStore(engine, CONSUMER).load([document_part(tracker)])
    if checkpoint is None:
        return []
    return [(a, b) for a, b in State.of(checkpoint.state).documents[tracker]["calls"]]


def compare(names: Sequence[str], results: Sequence[Replayed]) -> dict[str, Any]:
    """Counts, and each page that the second policy adds, removes or moves, with the reason."""
    before, after = results
    changes = []
    left = list(after.pages)
    for page in before.pages:
        same = next((item for item in left if item.same_as(page, MOVED_WITHIN)), None)
        if same is None:
            changes.append({"change": "removed", **page.row(), "reason": after.why(page)})
            continue
        left.remove(same)
        if same.at != page.at:
            moved = (same.at - page.at).total_seconds() / 60
            which = (after if moved > 0 else before).held.get(page.document["incident_id"])
            why = which or "by when the incident has lasted long enough"
            reason = f"{abs(moved):.0f} min {'later' if moved > 0 else 'earlier'}: {why}"
            changes.append({"change": "moved", **same.row(), "reason": reason})
    changes += [{"change": "added", **page.row(), "reason": before.why(page)} for page in left]
    changes.sort(key=lambda change: (change["at"], change["channel"]))
    kinds = ("added", "removed", "moved")
    counts = {names[0]: len(before.pages), names[1]: len(after.pages)}
    counts |= {kind: sum(change["change"] == kind for change in changes) for kind in kinds}
    return {"counts": counts, "changes": changes}

"""The ledger as a stream for replays, and the difference that two policies make."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.alerts.policy.schema import Policy
from vigil.alerts.replay import Replay, Replayed
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.features.observations import SCORED_METRICS
from vigil.incidents.grouping import VANISHED_AFTER
from vigil.stores.checkpoint import CheckpointStore
from vigil.stores.timescale import WindowStore
from vigil.stream.state import State

CONSUMER = "vigil-scorer"
DAY = timedelta(days=1)
# A page of the same incident's place within this is the same page, moved.
MOVED_WITHIN = timedelta(hours=1)

Call = tuple[str, str]


class LedgerPast:
    """Decisions of one database, day by day, with the names of their series."""

    def __init__(self, engine: sa.Engine, window_s: int) -> None:
        self._engine = engine
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
        calls = self._calls()
        streams = (TOPIC_EVENTS, TOPIC_METRICS)
        replays = [
            [Replay(policy, stream, self._window_s, calls) for stream in streams]
            for policy in policies
        ]
        for rows in self._days(start_at, end_at):
            request = pl.col("metric").is_in(SCORED_METRICS)
            for number, part in enumerate((rows.filter(request), rows.filter(~request))):
                if part.height:
                    for replay in replays:
                        replay[number].feed(part)
            done()
        return [_joined([replay.result for replay in pair]) for pair in replays]

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

    def _calls(self) -> list[Call]:
        """Who calls whom, as the scorer has learnt it."""
        checkpoint = CheckpointStore(self._engine, CONSUMER).load()
        if checkpoint is None:
            return []
        documents = State.of(checkpoint.state).documents
        return [(a, b) for a, b in documents[f"incidents.{TOPIC_EVENTS}"]["calls"]]


def _joined(results: Sequence[Replayed]) -> Replayed:
    """The result of all streams, by time."""
    whole = Replayed()
    for result in results:
        whole.pages += result.pages
        whole.words |= result.words
        whole.held |= result.held
        whole.documents |= result.documents
    whole.pages.sort(key=lambda page: (page.at, page.channel))
    return whole


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

"""What the event log says of requests: journeys of a while, and one trace hop by hop."""

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.board.reader import NoSuchThing
from vigil.config import Settings
from vigil.events.schema import TOPIC_EVENTS
from vigil.journeys.explain import journeys_of
from vigil.journeys.paths import hop_table, journey_table, slowest_traces
from vigil.journeys.waterfall import waterfall
from vigil.stores import open_log
from vigil.stores.log_search import EVERYTHING, LogSearch

# Spans that a list of journeys is made of; of more traces each nth is taken.
MOST_SPANS = 100_000
# How long the log is searched for one answer.
PATIENCE_S = 4.0
# What is usual is learnt from this long before.
BASELINE = timedelta(minutes=10)
# A trace reaches out of the window in which one of its requests began.
AROUND = timedelta(minutes=1)
HOPS_SHOWN = 1_000

_SHOWN = (
    "span_id", "depth", "link", "kind", "service", "environment", "operation", "callee", "status",
    "error", "failed", "start_ms", "duration_ms", "self_ms", "expected_self_ms", "excess_ms",
    "samples", "critical_ms",
)  # fmt: skip


class TraceReader:
    """Searches the event log anew for each question: nothing else keeps spans.

    All methods raise LogError or StoreError when a store is down.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def journeys(self, engine: sa.Engine, end_at: datetime, last: timedelta) -> dict[str, Any]:
        """`journeys` and their `hops` between `end_at - last` and `end_at`.

        `one_in` is above 1 where only each nth trace was looked at; rates are those of all.
        `whole` is False where the log could not be read to the end in time.
        """
        start_at = end_at - last
        events, one_in, whole = self._whole_traces(engine, start_at, end_at)
        spans = journeys_of(events).with_columns(weight=pl.lit(float(one_in)))
        table = journey_table(spans, last.total_seconds()).join(
            slowest_traces(spans), on="journey", maintain_order="left"
        )
        return {
            "start_at": start_at, "end_at": end_at, "spans": spans.height, "one_in": one_in,
            "whole": whole, "journeys": table.to_dicts(), "hops": hop_table(spans).to_dicts(),
        }  # fmt: skip

    def trace(
        self, engine: sa.Engine, trace_id: str, near: Sequence[datetime], before_at: datetime
    ) -> dict[str, Any]:
        """The trace's `spans` as `waterfall` gives them, and the `journey` it made.

        It is looked for around each of `near` in turn; what is usual comes from the ten minutes
        before `before_at`. Raises NoSuchThing.
        """
        mine = self._find(trace_id, near)
        journey = journeys_of(mine)["journey"]
        if journey.is_empty():
            raise NoSuchThing(
                f"there is no trace {trace_id!r} in the log around"
                f" {', '.join(f'{at:%Y-%m-%d %H:%M:%S}' for at in near)} UTC"
            )
        past, _, _ = self._whole_traces(engine, before_at - BASELINE, before_at)
        others = past.filter((pl.col("trace_id") != trace_id).fill_null(True))
        spans = journeys_of(pl.concat([others, mine]))
        hops = waterfall(spans, trace_id, round(before_at.timestamp() * 1e6))
        return {
            "trace_id": trace_id,
            "journey": journey[0],
            "start_at": mine["time"].min(),
            "before_at": before_at,
            "hops": hops.height,
            "spans": hops.head(HOPS_SHOWN).select(_SHOWN).to_dicts(),
        }

    def _find(self, trace_id: str, near: Sequence[datetime]) -> pl.DataFrame:
        window = timedelta(seconds=self._settings.window_s)
        for at in near:
            found, _ = self._events(
                at - AROUND, at + window + AROUND, MOST_SPANS, pl.col("trace_id") == trace_id
            )
            if found.height:
                break
        return found

    def _whole_traces(
        self, engine: sa.Engine, start_at: datetime, end_at: datetime
    ) -> tuple[pl.DataFrame, int, bool]:
        """(events, of each how many traces one was taken, whether the log was read to the end).

        A trace is taken or left as a whole: of half a trace the time of its hops is unknown.
        """
        one_in = max(1, -(-_requests(engine, start_at, end_at) // MOST_SPANS))
        chosen = pl.col("trace_id").hash() % one_in == 0
        # Requests are counted by their servers; spans of their clients come on top.
        events, whole = self._events(start_at, end_at, 4 * MOST_SPANS, chosen)
        return events, one_in, whole

    def _events(
        self,
        start_at: datetime,
        end_at: datetime,
        most_rows: int,
        only: pl.Expr = EVERYTHING,
    ) -> tuple[pl.DataFrame, bool]:
        with closing(open_log(self._settings)) as event_log:
            search = LogSearch(event_log, self._settings.limits)
            found = search.between(TOPIC_EVENTS, start_at, end_at, most_rows, PATIENCE_S, only)
        return found.records, found.whole


def _requests(engine: sa.Engine, start_at: datetime, end_at: datetime) -> int:
    query = sa.text(
        "SELECT coalesce(sum(requests), 0)::bigint FROM request_windows"
        " WHERE window_start >= :start AND window_start < :end"
    )
    with engine.connect() as connection:
        found: int = connection.execute(query, {"start": start_at, "end": end_at}).scalar_one()
    return found

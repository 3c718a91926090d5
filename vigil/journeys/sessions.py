"""Traces of the stream: a trace is complete when no span of it has come for a while of event time.

Spans are held by sessions of their trace (`vigil.windows.session`). Memory is bounded: where more
come than may be held, only every second, fourth, … trace is followed, as a whole, and stands for
as many. The hash of the trace id says which, so that all spans of a trace share one fate.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from vigil.windows.session import close_sessions

# Between two spans of a trace no pause is longer.
GAP_S = 10
# A look costs as much as some thousand spans, so it is seldom taken; where there is little room, as
# often as this, before fewer traces are followed.
LOOK_EVERY_US, LOOK_CROWDED_US = 60_000_000, 20_000_000
MOST_SPANS = 5_000
# A trace of more than this share of them is none, but an id that a client never changes.
MOST_OF_ONE = 0.1
# Below this share twice as many traces are followed again.
ROOM = 0.25

COUNTED = ("traces", "traces_evicted", "spans_late")
SPANS: dict[str, Any] = {
    "time": pl.Datetime("us", "UTC"),
    "trace_id": pl.String,
    "span_id": pl.String,
    "parent_span_id": pl.String,
    "kind": pl.String,
    "environment": pl.String,
    "service": pl.String,
    "route": pl.String,
    "method": pl.String,
    "status": pl.Int16,
    "duration_ms": pl.Float64,
    "error": pl.String,
}
_HELD = {**SPANS, "trace": pl.Int64, "first_us": pl.Int64, "last_us": pl.Int64}
_CLOSED = {**SPANS, "weight": pl.Float64}


class TraceSessions:
    """Holds spans until their trace is complete.

    Counted are `traces` completed; `traces_evicted`, given up half done to stay within
    `most_spans`; `spans_late`, which came when their trace was closed.
    """

    def __init__(self, gap_s: int = GAP_S, most_spans: int = MOST_SPANS) -> None:
        self.gap_us = gap_s * 1_000_000
        self.most_spans = most_spans
        self.counters = dict.fromkeys(COUNTED, 0)
        self._held: list[pl.DataFrame] = []
        self._closed_to_us: int | None = None
        # One of 2 ** halvings traces is followed; of those begun before that instant, half of them.
        self._halvings = 0
        self._wider_from_us: int | None = None

    @property
    def one_in(self) -> int:
        """One of so many traces is followed."""
        return int(2**self._halvings)

    @property
    def spans_held(self) -> int:
        """Never more than `most_spans` after a call."""
        return sum(part.height for part in self._held)

    def advance(
        self, batches: Sequence[pl.DataFrame], watermark_us: int, finish: bool = False
    ) -> pl.DataFrame:
        """Take events (schema EVENTS) and give the spans of the traces that are complete then.

        Columns: SPANS and `weight`, how many traces each stands for. `watermark_us`: event time
        up to which all events have come. With `finish` all traces are complete.
        """
        complete = [pl.DataFrame(schema=_CLOSED)]
        spans = self._spans_of(batches)
        # A backlog comes in hours at once: nothing of it is held for longer than it has to be.
        for part in spans.iter_slices(max(self.most_spans // 4, 1)):
            self._hold(part.filter(_followed(self._halvings)))
            reached_us: int = part["first_us"][-1]
            complete.append(self._look(min(watermark_us, reached_us)))
            while self.spans_held > self.most_spans:
                self._make_room()
        complete.append(self._look(watermark_us, finish))
        return pl.concat(complete)

    def _spans_of(self, batches: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """Those of the traces that are followed, by time."""
        trace = pl.col("trace_id").hash().reinterpret(signed=True)
        named = pl.col("trace_id").is_not_null() & pl.col("span_id").is_not_null()
        start_us = pl.col("time").dt.epoch("us")
        found = [pl.DataFrame(schema=_HELD)]
        for events in batches:
            spans = events.select(*SPANS, trace=trace).filter(named & _followed(self._halvings))
            timed = spans.with_columns(
                first_us=start_us,
                last_us=start_us + (pl.col("duration_ms") * 1_000).cast(pl.Int64),
                # Only that there was an error counts.
                error=pl.when(pl.col("error").is_not_null()).then(pl.lit("error")),
            )
            found.append(timed.select(pl.col(name).cast(kind) for name, kind in _HELD.items()))
        return pl.concat(found).sort("first_us", maintain_order=True)

    def _hold(self, part: pl.DataFrame) -> None:
        if part.height:
            self._held.append(self._on_time(part))

    def _look(self, reached_us: int, finish: bool = False) -> pl.DataFrame:
        """What is complete; each minute of event time, or when there is little room."""
        waited_us = reached_us - (self._closed_to_us or reached_us - LOOK_EVERY_US)
        crowded = waited_us >= LOOK_CROWDED_US and self.spans_held > self.most_spans * 3 // 4
        if not self._held or not (waited_us >= LOOK_EVERY_US or crowded or finish):
            return pl.DataFrame(schema=_CLOSED)
        held = pl.concat(self._held)
        # A piece of a trace waits for the others: one session from the first to the last span.
        sessions = held.group_by("trace").agg(pl.col("first_us").min(), pl.col("last_us").max())
        closed = sessions if finish else close_sessions(sessions, reached_us, self.gap_us)[0]
        self._closed_to_us = reached_us
        self._held = [held.join(closed, on="trace", how="anti")]
        complete = self._complete(held, closed)
        if self._halvings and self.spans_held < ROOM * self.most_spans and not crowded:
            self._halvings -= 1
            self._wider_from_us = int(held["first_us"].max()) + self.gap_us  # type: ignore[arg-type]
        return complete

    def _on_time(self, part: pl.DataFrame) -> pl.DataFrame:
        """Without the spans whose trace has been closed."""
        if self._closed_to_us is None:
            return part
        too_late = pl.col("last_us") + self.gap_us < self._closed_to_us
        late = part.filter(too_late)
        if late.is_empty():
            return part
        for known in (*self._held, part.filter(~too_late)):
            late = late.join(known, on="trace", how="anti")
        self.counters["spans_late"] += late.height
        return part.join(late, on="trace", how="anti")

    def _make_room(self) -> None:
        """Give up traces without end; where there are none, follow half as many from now on."""
        held = pl.concat(self._held)
        endless = pl.len().over("trace") > MOST_OF_ONE * self.most_spans
        kept = held.filter(~endless)
        if kept.height == held.height:
            self._halvings += 1
            self._wider_from_us = None
            kept = held.filter(_followed(self._halvings))
        self.counters["traces_evicted"] += held["trace"].n_unique() - kept["trace"].n_unique()
        self._held = [kept]

    def _complete(self, held: pl.DataFrame, closed: pl.DataFrame) -> pl.DataFrame:
        """Spans of the closed traces (`trace`, `first_us`) followed from the beginning."""
        begun_before = pl.lit(False)
        if self._wider_from_us is not None:
            begun_before = pl.col("first_us") < self._wider_from_us
        whole = closed.filter(~begun_before | _followed(self._halvings + 1)).select(
            "trace",
            weight=pl.when(begun_before).then(2.0 * self.one_in).otherwise(float(self.one_in)),
        )
        self.counters["traces"] += whole.height
        return held.join(whole, on="trace", maintain_order="left").select(list(_CLOSED))

    def take_counts(self) -> dict[str, int]:
        """What was counted since the last call."""
        counted, self.counters = self.counters, dict.fromkeys(self.counters, 0)
        return counted

    def state(self) -> tuple[dict[str, pl.DataFrame], dict[str, Any]]:
        """Frames and a document for the checkpoint; a frame that stays is the same object."""
        document = {
            "closed_to_us": self._closed_to_us,
            "halvings": self._halvings,
            "wider_from_us": self._wider_from_us,
        }
        return {f"spans@{number}": part for number, part in enumerate(self._held)}, document

    def restore(self, frames: Mapping[str, pl.DataFrame], document: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self._held = [frames[name] for name in sorted(frames, key=lambda name: int(name[6:]))]
        self._closed_to_us = document["closed_to_us"]
        self._halvings = document["halvings"]
        self._wider_from_us = document["wider_from_us"]


def _followed(halvings: int) -> pl.Expr:
    return (pl.col("trace") & (2**halvings - 1)) == 0

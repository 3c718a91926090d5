"""Request spans from the event log."""

from collections.abc import Iterator, Sequence
from contextlib import closing

import polars as pl

from vigil.client.time_range import TimeRange
from vigil.config import Settings
from vigil.events.schema import EVENTS
from vigil.stores import open_log
from vigil.stores.snapshots import events_between

# A scan costs seconds, so what it found is kept when it is this small.
KEPT_SPANS = 100_000


class TraceSource:
    """Spans of a range, of some traces only where `trace_ids` names them; by trace and time."""

    def __init__(
        self, settings: Settings, asked: TimeRange, trace_ids: Sequence[str] | None
    ) -> None:
        self._settings = settings
        self._asked = asked
        self._trace_ids = trace_ids
        self._all: pl.DataFrame | None = None

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first spans; reading ends as soon as there are enough."""
        if self._all is not None:
            return self._all.head(most_rows)
        kept, rows = [pl.DataFrame(EVENTS.empty_table())], 0
        bound = max(most_rows, KEPT_SPANS)
        for spans in self._spans():
            kept.append(spans)
            rows += spans.height
            if rows > bound:
                break
        found = pl.concat(kept).sort("trace_id", "time", nulls_last=True)
        if rows <= KEPT_SPANS:
            self._all = found
        return found.head(most_rows)

    def count(self) -> int:
        """How many spans there are; reads the log unless a `fetch` found them all."""
        if self._all is not None:
            return self._all.height
        return sum(spans.height for spans in self._spans())

    def _spans(self) -> Iterator[pl.DataFrame]:
        limits = self._settings.limits
        with closing(open_log(self._settings)) as event_log:
            blocks = events_between(event_log, self._asked.start_at, self._asked.end_at, limits)
            for _, events in blocks:
                if self._trace_ids is None:
                    yield events
                else:
                    yield events.filter(pl.col("trace_id").is_in(self._trace_ids))

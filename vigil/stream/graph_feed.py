"""Carries the service graph to the sink: each minute once, when it is complete."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from vigil.stores.graph import GraphStore
from vigil.stores.sinks import Refused, Sink

# Late requests still count in the database for this long after the newest minute.
SETTLING = timedelta(minutes=2)
MOST_AT_ONCE = timedelta(hours=1)
EVERY_S = 10.0


class GraphFeed:
    """Asks the sink once how far it is, and goes on from there."""

    def __init__(
        self, store: GraphStore, sink: Sink, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._sink = sink
        self._monotonic = monotonic
        self._done: datetime | None = None
        self._next_s = 0.0

    def deliver(self) -> tuple[int, list[Refused]]:
        """(edges written, those that the sink will never take); looks every ten seconds."""
        if not self._sink.outside or self._monotonic() < self._next_s:
            return 0, []
        newest = self._store.newest()
        complete_to = None if newest is None else newest - SETTLING
        begin = self._done or (complete_to and self._begin())
        if complete_to is None or begin is None or complete_to <= begin:
            self._next_s = self._monotonic() + EVERY_S
            return 0, []
        until = min(complete_to, begin + MOST_AT_ONCE)
        edges = self._store.between(begin, until)
        refused = self._sink.write_edges(edges)
        self._done = until
        return edges.height, refused

    def _begin(self) -> datetime | None:
        """The last minute that the sink has, of which a part may be missing; else the first."""
        return self._sink.newest_edge() or self._store.oldest()

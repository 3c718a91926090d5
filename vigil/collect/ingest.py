"""Files into the event log: merged by event time, dead letters beside, counts that add up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from vigil.collect.files import KINDS, guess_kind, read_access_log, read_chunks
from vigil.events.access_logs import AccessLog
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.dead_letters import dead_letter_lines, describe
from vigil.events.rules import Limits
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import EventLog, Message

TOPICS = {"events": TOPIC_EVENTS, "metrics": TOPIC_METRICS, "logs": TOPIC_LOGS}

# A single large file goes through in pieces; several are merged first, and must fit in memory.
ROWS_AT_ONCE = 200_000


@dataclass(slots=True)
class FileCounts:
    """What became of a file's records: accepted + dead = read."""

    file: str
    kind: str
    accepted: int = 0
    dead: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def read(self) -> int:
        """Records found."""
        return self.accepted + self.dead


def ingest_files(
    event_log: EventLog,
    paths: Sequence[Path],
    limits: Limits,
    kind: str | None = None,
    metric: str | None = None,
    tick: Callable[[Path], None] = lambda path: None,
    access_log: AccessLog | None = None,
) -> list[FileCounts]:
    """Append the valid records of all files, in order of event time where there are several.

    Series of several files lie side by side in time: one file after the other would make all but
    the first late. Dead letters go to their topic as they are found. `tick` is called after each
    file. Raises InputError for a file that cannot be read, before anything of it is appended.
    """
    counts = []
    waiting: dict[str, list[pl.DataFrame]] = {}
    for path in paths:
        now_at = datetime.now(UTC)
        if access_log is not None:
            found = FileCounts(path.name, "events")
            chunks = read_access_log(path, access_log, now_at, limits)
        else:
            found = FileCounts(path.name, kind or guess_kind(path))
            chunks = read_chunks(path, found.kind, metric, now_at, limits)
        counts.append(found)
        for chunk in chunks:
            records, dead = chunk.decoded.records, chunk.decoded.dead
            found.accepted += records.height
            found.dead += dead.height
            if dead.height:
                placed = dead.with_columns(pl.col("line") + chunk.first_line)
                _bury(event_log, placed, found)
            if len(paths) == 1:
                _append(event_log, found.kind, records)
            else:
                waiting.setdefault(found.kind, []).append(records)
        tick(path)
    for name, frames in waiting.items():
        merged = pl.concat(frames).sort("time", maintain_order=True)
        for start in range(0, merged.height, ROWS_AT_ONCE):
            _append(event_log, name, merged.slice(start, ROWS_AT_ONCE))
    return counts


def _append(event_log: EventLog, kind: str, records: pl.DataFrame) -> None:
    if records.height:
        table = records.to_arrow().cast(KINDS[kind])
        event_log.append(TOPICS[kind], arrow_messages(table))


def _bury(event_log: EventLog, dead: pl.DataFrame, found: FileCounts) -> None:
    message = Message(dead_letter_lines(dead), {CONTENT_TYPE: NDJSON})
    event_log.append(TOPIC_DEAD_LETTERS, [message])
    for row in dead.head(3 - len(found.reasons)).iter_rows(named=True):
        found.reasons.append(describe(row))

"""What workers write to `vigil.partials`: parts of windows, and how far each partition has come.

Arrow tables (`vigil.stream.tables`), each with headers that say of which partition it is. The last
one of a hand-over carries the progress: what all of them together stand for.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson
import polars as pl

from vigil.stores.log import Message
from vigil.stream.tables import TABLE, table_outputs, table_rows

TOPIC_PARTIALS = "vigil.partials"

TOPIC, PARTITION, PROGRESS = "vigil-topic", "vigil-partition", "vigil-progress"

# Beside the parts of a fold, which have their own names: names of the series in them, edges of the
# service graph, counts of late records. The last comes last, if with no rows.
SERIES, EDGES, LATE = "series", "edges", "late"


@dataclass(frozen=True, slots=True)
class Progress:
    """A partition was read from `from_offset` to before `next_offset`, with so many records.

    newest_us: its newest event, epoch µs. is_idle: nothing is waited for. Of the records, the
    windows that have ended by the partition's own watermark are handed over, or all of them.
    """

    from_offset: int
    next_offset: int
    newest_us: int
    accepted: int
    dead: int
    is_idle: bool


@dataclass(frozen=True, slots=True)
class Partial:
    """One message: rows of one table of one partition."""

    topic: str
    partition: int
    table: str
    rows: pl.DataFrame
    progress: Progress | None

    @classmethod
    def of(cls, message: Message) -> "Partial":
        """The inverse of `hand_over`."""
        headers = message.headers
        said = headers.get(PROGRESS)
        return cls(
            headers[TOPIC],
            int(headers[PARTITION]),
            headers[TABLE],
            table_rows(message.value),
            Progress(**orjson.loads(said)) if said else None,
        )


def hand_over(
    topic: str, partition: int, tables: Mapping[str, pl.DataFrame], progress: Progress
) -> list[tuple[str, Message]]:
    """Messages, each with its topic, for the tables that have rows; `tables` has LATE."""
    headers = {TOPIC: topic, PARTITION: str(partition)}
    closing = {PROGRESS: orjson.dumps(asdict(progress)).decode()}
    return [
        (output.topic, Message(output.value, output.headers))
        for name, rows in sorted(tables.items(), key=lambda table: table[0] == LATE)
        if rows.height or name == LATE
        for output in table_outputs(
            TOPIC_PARTIALS, name, rows, headers, closing if name == LATE else None
        )
    ]

"""What workers write to `vigil.partials`: parts of windows, and how far each partition has come.

Arrow tables (`vigil.stream.tables`), each with the topic that it comes from as a header. The last
one of a hand-over carries the progress, what all of them together stand for, and who hands over.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson
import polars as pl

from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.stores.log import Message
from vigil.stream.tables import TABLE, table_outputs, table_rows

TOPIC_PARTIALS = "vigil.partials"

GROUP = "vigil-workers"
# Log lines are read by the scorer: templates grow together over all lines of a service.
FOLDED = (TOPIC_EVENTS, TOPIC_METRICS)

TOPIC, PROGRESS, WORKER = "vigil-topic", "vigil-progress", "vigil-worker"

# Beside the parts of a fold, which have their own names: names of the series in them, edges of the
# service graph, counts of late records. The last comes last, if with no rows.
SERIES, EDGES, LATE = "series", "edges", "late"


@dataclass(frozen=True, slots=True)
class Progress:
    """A partition was read from `from_offset` to before `next_offset`, with so many records.

    newest_us: its newest event, epoch µs. is_idle: nothing is waited for. Of the records, the
    windows that have ended by the partition's own watermark are handed over, or all of them.
    """

    partition: int
    from_offset: int
    next_offset: int
    newest_us: int
    accepted: int
    dead: int
    is_idle: bool


@dataclass(frozen=True, slots=True)
class Account:
    """What a worker says of itself: records and CPU seconds since it began."""

    worker: str
    accepted: int
    dead: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Partial:
    """One message: rows of one table of a topic; with the last, the progress of its partitions and
    the account of the worker. `read_at`: when the scorer read it.
    """

    topic: str
    table: str
    rows: pl.DataFrame
    progress: Sequence[Progress]
    account: Account | None
    read_at: datetime

    @classmethod
    def of(cls, message: Message, read_at: datetime) -> "Partial":
        """The inverse of `as_messages`."""
        headers = message.headers
        said = [Progress(**item) for item in orjson.loads(headers.get(PROGRESS, "[]"))]
        # Those of a version before accounts have none.
        account = Account(**orjson.loads(headers[WORKER])) if WORKER in headers else None
        rows = table_rows(message.value)
        return cls(headers[TOPIC], headers[TABLE], rows, said, account, read_at)


def as_messages(
    topic: str, tables: Mapping[str, pl.DataFrame], progress: Sequence[Progress], account: Account
) -> list[tuple[str, Message]]:
    """Messages, each with its topic, for the tables that have rows; `tables` has LATE."""
    closing = {
        PROGRESS: orjson.dumps([asdict(item) for item in progress]).decode(),
        WORKER: orjson.dumps(asdict(account)).decode(),
    }
    return [
        (output.topic, Message(output.value, output.headers))
        for name, rows in sorted(tables.items(), key=lambda table: table[0] == LATE)
        if rows.height or name == LATE
        for output in table_outputs(
            TOPIC_PARTIALS, name, rows, {TOPIC: topic}, closing if name == LATE else None
        )
    ]

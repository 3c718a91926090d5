"""What messages hold, and the unchecked rows that are read from it with their origin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import polars as pl
import pyarrow as pa

from vigil.events.dead_letters import readable


@dataclass(frozen=True, slots=True)
class Payload:
    """A message's content and where it came from, for people."""

    content_type: str
    value: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Payloads:
    """Many of them in columns of equal length; `place` is asked for dead letters only."""

    content_types: Sequence[str]
    values: Sequence[bytes]
    place: Callable[[int], str]


def message_place(topic: str, partition: int, offset: int) -> str:
    """Where a message of the event log stands, for people."""
    return f"topic {topic}, partition {partition}, offset {offset}"


@dataclass(frozen=True, slots=True)
class Rows:
    """Unchecked rows with their origin; `raw` gives the text of a row for its dead letter.

    table: a payload's number → its rows with all columns, where `frame` has only those that are
    wanted. typed: columns came with their types, so that what is text there was text.
    """

    frame: pl.DataFrame
    payload: np.ndarray
    line: np.ndarray
    lines: Sequence[bytes] | None = None
    may_hold_nul: bool = True
    table: Callable[[int], pa.Table] | None = None
    typed: bool = False

    def raw(self, row: int) -> str:
        if self.lines is not None:
            return readable(self.lines[row])
        if self.table is not None:
            whole = self.table(int(self.payload[row])).slice(int(self.line[row]) - 1, 1)
            return readable(orjson.dumps(whole.to_pylist()[0], default=str))
        fields = self.frame.row(row, named=True)
        return readable(orjson.dumps(fields, default=str))

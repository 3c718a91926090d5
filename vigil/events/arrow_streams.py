"""Arrow IPC streams to unchecked rows, many messages at once.

Columns that are not wanted are not even decompressed, and what holds for all messages together is
not asked of each: only where it does not hold are they looked at one by one.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
import pyarrow as pa

from vigil.events.dead_letters import one_dead_letter, text_only
from vigil.events.nul import table_may_hold_nul
from vigil.events.payloads import Payloads, Rows

_UNREADABLE = (pa.ArrowException, OSError, ValueError)

Numbered = tuple[int, pa.Table]


def read_arrow(
    payloads: Payloads,
    numbers: Sequence[int],
    schema: pa.Schema,
    names: Sequence[str],
    dead: list[dict[str, object]],
) -> list[Rows]:
    """Streams of one layout become one frame, with those of the columns `names` that they have.

    One that cannot be read as a whole is one dead letter.
    """

    def bury(number: int, error: Exception) -> None:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        place, raw = payloads.place(number), text_only(payloads.values[number])
        rule = "must be an Arrow IPC stream"
        dead.append(one_dead_letter(number, place, 0, "payload", rule, reason, raw))

    alike: dict[pa.Schema, list[Numbered]] = {}
    layout: _Layout | None = None
    for number in numbers:
        try:
            layout, table = _read(payloads.values[number], names, layout)
            alike.setdefault(layout.schema, []).append((number, table))
        except _UNREADABLE as error:
            bury(number, error)

    @cache
    def whole(number: int) -> pa.Table:
        """All columns of a message, for dead letters; the wanted ones if others are broken."""
        for columns in (schema.names, names):
            with suppress(*_UNREADABLE):
                return _valid([_read(payloads.values[number], columns, None)[1]])
        raise AssertionError("the wanted columns were valid before")

    return [_rows(tables, names, whole, bury) for tables in alike.values()]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns of a stream are read, and what they are."""

    options: pa.ipc.IpcReadOptions
    schema: pa.Schema

    @classmethod
    def of(cls, value: bytes, names: Sequence[str]) -> "_Layout":
        """That of this stream, with its columns of `names`."""
        given = pa.ipc.open_stream(value).schema.remove_metadata()
        places = [place for place, name in enumerate(given.names) if name in names]
        schema = pa.schema([given.field(place) for place in places])
        if not places:
            raise ValueError(f"none of its columns is {', '.join(names)}")
        for name, kind in zip(schema.names, schema.types, strict=True):
            if schema.names.count(name) > 1:
                raise ValueError(f"column {name} comes more than once")
            if pa.types.is_nested(kind) and not (name == "attributes" and pa.types.is_map(kind)):
                raise ValueError(f"column {name} has type {kind}")
        options = pa.ipc.IpcReadOptions(included_fields=places, use_threads=False)
        return cls(options, schema)

    def read(self, value: bytes) -> pa.Table:
        """The stream's columns, their contents not yet checked; raises if they are others."""
        table = pa.ipc.open_stream(value, options=self.options).read_all()
        if not table.schema.equals(self.schema):
            raise ValueError("another layout")
        return table


def _read(value: bytes, names: Sequence[str], last: _Layout | None) -> tuple[_Layout, pa.Table]:
    """The stream by the layout of the one before, which nearly always fits, or by its own."""
    if last is not None:
        with suppress(*_UNREADABLE):
            return last, last.read(value)
    own = _Layout.of(value, names)
    return own, own.read(value)


def _valid(tables: Sequence[pa.Table]) -> pa.Table:
    """All rows in one piece of memory a column; raises if a value is broken (UTF-8, offsets)."""
    joined = pa.concat_tables(tables)
    texts = [each.name for each in joined.schema if pa.types.is_string(each.type)]
    joined.drop_columns(texts).validate(full=True)
    # Of texts only as much as joining them takes for granted; the rest is quicker in one piece.
    joined.select(texts).validate()
    whole = joined.combine_chunks()
    columns = [
        pa.chunked_array(map(_valid_text, each.chunks), each.type)
        if pa.types.is_string(each.type)
        else each
        for each in whole.columns
    ]
    return pa.Table.from_arrays(columns, schema=whole.schema)


def _valid_text(texts: pa.StringArray) -> pa.StringArray:
    plain = texts.cast(pa.binary())
    plain.validate(full=True)
    content = plain.buffers()[2]
    # ASCII is UTF-8, and is seen at the speed of memory: twenty times as fast as characters are.
    if content is not None and np.frombuffer(content, np.int8).min(initial=0) < 0:
        return plain.cast(pa.string())
    return plain.view(pa.string())


def _rows(
    tables: Sequence[Numbered],
    names: Sequence[str],
    whole: Callable[[int], pa.Table],
    bury: Callable[[int, Exception], None],
) -> Rows:
    """Tables of one layout; those that are broken are left out and buried."""
    try:
        joined = _valid([table for _, table in tables])
    except _UNREADABLE:
        nothing = tables[0][1].schema.empty_table()
        tables = [found for found in tables if _is_sound(found, bury)]
        joined = _valid([nothing, *(table for _, table in tables)])
    counts = [table.num_rows for _, table in tables]
    frame = pl.from_arrow(joined.select([name for name in names if name in joined.column_names]))
    assert isinstance(frame, pl.DataFrame)
    return Rows(
        frame,
        payload=np.repeat([number for number, _ in tables], counts).astype(np.int64),
        line=np.concatenate([np.arange(1, count + 1) for count in (0, *counts)]),
        may_hold_nul=table_may_hold_nul(joined),
        table=whole,
        typed=True,
    )


def _is_sound(found: Numbered, bury: Callable[[int, Exception], None]) -> bool:
    number, table = found
    try:
        _valid([table])
    except _UNREADABLE as error:
        bury(number, error)
        return False
    return True

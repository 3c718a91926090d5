"""Arrow tables as messages, each with a header that says what it is."""

import io
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from vigil.events.content import ARROW_STREAM, CONTENT_TYPE

TABLE = "vigil-table"

ROWS_PER_MESSAGE = 10_000


@dataclass(frozen=True, slots=True)
class Output:
    """A message for a topic."""

    topic: str
    headers: Mapping[str, str]
    value: bytes


def table_outputs(
    topic: str,
    table: str,
    rows: pl.DataFrame,
    headers: Mapping[str, str] | None = None,
    closing: Mapping[str, str] | None = None,
) -> list[Output]:
    """The rows as Arrow streams that any Arrow library reads; one at least, if with no rows.

    `closing`: headers of the last message alone, which hold once all are there.
    """
    starts = range(0, max(1, rows.height), ROWS_PER_MESSAGE)
    said = {CONTENT_TYPE: ARROW_STREAM, TABLE: table, **(headers or {})}
    return [
        Output(
            topic,
            {**said, **(closing or {})} if start == starts[-1] else said,
            _stream(rows.slice(start, ROWS_PER_MESSAGE)),
        )
        for start in starts
    ]


def _stream(rows: pl.DataFrame) -> bytes:
    body = io.BytesIO()
    rows.write_ipc_stream(body, compat_level=pl.CompatLevel.oldest())
    return body.getvalue()


def table_rows(value: bytes) -> pl.DataFrame:
    """The rows of one output."""
    return pl.read_ipc_stream(value)

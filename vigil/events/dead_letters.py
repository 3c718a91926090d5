"""Records that cannot be used, kept with the reason: field, rule, value, place."""

from collections.abc import Sequence

import orjson
import polars as pl

DEAD_LETTERS = {
    "payload": pl.Int64,
    "place": pl.String,
    "line": pl.Int64,
    "field": pl.String,
    "rule": pl.String,
    "value": pl.String,
    "raw": pl.String,
}

RAW_CHARACTERS = 2_000
# Everything but control characters: what is above 127 may be text of many encodings.
_TEXT_BYTES = bytes({*range(32, 256), *b"\t\n\r"} - {127})


def readable(raw: bytes) -> str:
    """Bytes as text without loss (what is not UTF-8 is escaped), cut to a bearable length."""
    return raw[: 4 * RAW_CHARACTERS].decode("utf-8", "backslashreplace")[:RAW_CHARACTERS]


def text_only(payload: bytes) -> bytes:
    """A payload that is text; nothing of one that is not.

    In bytes that could not be read nobody can tell what is a secret, and they cannot be sent again.
    """
    sample = payload[: 4 * RAW_CHARACTERS]
    is_text = not sample.translate(None, _TEXT_BYTES)
    return sample if is_text else b""


def one_dead_letter(
    payload: int, place: str, line: int, field: str, rule: str, value: str, raw: bytes
) -> dict[str, object]:
    """A row of DEAD_LETTERS."""
    return {
        "payload": payload,
        "place": place,
        "line": line,
        "field": field,
        "rule": rule,
        "value": value[:RAW_CHARACTERS],
        "raw": readable(raw),
    }


def dead_frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    """Rows as a frame."""
    return pl.DataFrame(rows, schema=DEAD_LETTERS, orient="row")


def describe(row: dict[str, object]) -> str:
    """One dead letter as a sentence.

    >>> describe({"field": "duration_ms", "rule": "must be >= 0", "value": "-12.0",
    ...           "place": "topic vigil.events, partition 0, offset 7", "line": 3})
    'duration_ms must be >= 0, got -12.0 (topic vigil.events, partition 0, offset 7, record 3)'
    """
    return "{field} {rule}, got {value} ({place}, record {line})".format(**row)


def dead_letter_lines(dead: pl.DataFrame) -> bytes:
    """NDJSON for the dead-letter topic; `id` is the same when a record is read again."""
    lines = []
    for row in dead.drop("payload").iter_rows(named=True):
        number = f"{row['place']}, record {row['line']}"
        lines.append(orjson.dumps({"id": number, **row}))
    return b"\n".join(lines)

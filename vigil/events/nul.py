"""NUL characters out of text: JSON and protobuf may hold them, databases keep none."""

import numpy as np
import polars as pl
import pyarrow as pa

NUL, REPLACEMENT = "\0", "\ufffd"

# How JSON spells them; a surrogate without its partner is read as one too.
_ESCAPES = (b"\\u0000", b"\\ud", b"\\uD")


def may_hold_nul(payload: bytes) -> bool:
    """False where text read from this JSON or line cannot hold a NUL."""
    if b"\0" in payload:
        return True
    # One byte is found thirty times as fast as several, and few texts have any.
    return b"\\" in payload and any(escape in payload for escape in _ESCAPES)


def table_may_hold_nul(table: pa.Table) -> bool:
    """False where no text of this table holds a NUL; its bytes are looked at as they lie."""
    return any(_may_hold_nul(part) for column in table.columns for part in column.chunks)


def _may_hold_nul(array: pa.Array) -> bool:
    kind = array.type
    if pa.types.is_map(kind):
        return _may_hold_nul(array.keys) or _may_hold_nul(array.items)
    if not pa.types.is_string(kind):
        # Text in rarer forms (dictionaries, views, 64-bit offsets) is searched when it is plain.
        return not (pa.types.is_primitive(kind) or pa.types.is_null(kind))
    _, offsets, content = array.buffers()
    if content is None or not len(array):
        return False
    ends = np.frombuffer(offsets, np.int32)[array.offset :][: len(array) + 1]
    text = np.frombuffer(content, np.uint8)[ends[0] : ends[-1]]
    # The least byte is found at the speed of memory.
    return text.size > 0 and int(text.min()) == 0


def without_nul(records: pl.DataFrame) -> pl.DataFrame:
    """Records with U+FFFD in place of each NUL, in all texts and in attributes."""
    holds = records.select(pl.col(pl.String).str.contains(NUL, literal=True).any()).row(0)
    names = [name for name, kind in records.schema.items() if kind == pl.String]
    changed = [name for name, held in zip(names, holds, strict=True) if held]
    clean: list[pl.Expr | pl.Series] = [
        pl.col(name).str.replace_all(NUL, REPLACEMENT, literal=True) for name in changed
    ]
    if "attributes" in records.columns:
        clean += _attributes(records["attributes"])
    return records.with_columns(clean) if clean else records


def _attributes(attributes: pl.Series) -> list[pl.Series]:
    """The map without NULs, nothing where it has none."""
    if attributes.null_count() == len(attributes):
        return []
    maps = attributes.to_arrow()
    parts = [pl.Series(part) for part in (maps.keys, maps.items)]
    if not any(part.str.contains(NUL, literal=True).any() for part in parts):
        return []
    keys, items = (
        part.str.replace_all(NUL, REPLACEMENT, literal=True).to_arrow().cast(kind)
        for part, kind in zip(parts, (maps.type.key_type, maps.type.item_type), strict=True)
    )
    rebuilt = pa.MapArray.from_arrays(maps.offsets, keys, items, maps.type, mask=maps.is_null())
    return [pl.Series(attributes.name, rebuilt).cast(attributes.dtype)]

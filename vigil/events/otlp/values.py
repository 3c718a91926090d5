"""Texts, ids and attribute values out of a walked buffer, as Arrow arrays."""

import base64
from collections.abc import Iterable

import numba as nb
import numpy as np
import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from vigil.events.otlp.wire import FIXED64, LENGTH, VARINT, Messages, Walk

# Text of an attribute is cut here, as everywhere (`Limits.max_attribute_characters`).
LONGEST_TEXT_BYTES = 1_024
LONGEST_BODY_BYTES = 1 << 20

_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _MAP, _BYTES = 1, 2, 3, 4, 5, 6, 7
_compiled = nb.njit(cache=True, nogil=True)


def texts(
    walk: Walk, start: np.ndarray, end: np.ndarray, longest: int = LONGEST_TEXT_BYTES
) -> pa.StringArray:
    """The bytes [start, end) as text; longer ones are cut between characters, and what is not
    UTF-8 is replaced.
    """
    offsets, content = _gather(walk.buffer, start, end, longest)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
    binary = pa.Array.from_buffers(pa.binary(), len(start), buffers)
    try:
        return binary.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([value.decode("utf-8", "replace") for value in binary.to_pylist()])


def hex_ids(walk: Walk, start: np.ndarray, end: np.ndarray) -> pa.StringArray:
    """Ids as lower-case hexadecimal text; null where absent or all zero, which means absent."""
    offsets, content, absent = _gather_hex(walk.buffer, start, end)
    valid = np.packbits(~absent, bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), len(start), buffers)


def any_values(walk: Walk, values: Messages, longest: int = LONGEST_TEXT_BYTES) -> pa.StringArray:
    """AnyValue messages as text: numbers and booleans as in JSON, lists and maps as JSON, bytes as
    base64; null for an empty value.
    """
    fields = walk.scan(values)
    # One of: the last field that is set counts.
    kind = np.zeros(len(values), np.int64)
    known = np.flatnonzero(
        ((fields.wire == LENGTH) & np.isin(fields.number, (_STRING, _ARRAY, _MAP, _BYTES)))
        | ((fields.wire == VARINT) & np.isin(fields.number, (_BOOL, _INT)))
        | ((fields.wire == FIXED64) & (fields.number == _DOUBLE))
    )
    kind[fields.owner[known]] = fields.number[known]
    bits, end = np.zeros(len(values), np.int64), np.zeros(len(values), np.int64)
    bits[fields.owner[known]] = fields.value[known]
    end[fields.owner[known]] = fields.end[known]
    pieces, rows = [pa.nulls(1, pa.string())], [np.empty(0, np.int64)]

    def add(which: np.ndarray, made: pa.Array) -> None:
        pieces.append(made.cast(pa.string()))
        rows.append(which)

    strings = np.flatnonzero(kind == _STRING)
    add(strings, texts(walk, bits[strings], end[strings], longest))
    for number, convert in ((_BOOL, _as_bool), (_INT, pa.array), (_DOUBLE, _as_double)):
        which = np.flatnonzero(kind == number)
        if len(which):
            add(which, convert(bits[which]))
    nested = np.flatnonzero((kind == _ARRAY) | (kind == _MAP) | (kind == _BYTES))
    if len(nested):
        add(nested, pa.array(_nested(walk, values, nested, longest), pa.string()))
    order = np.zeros(len(values), np.int64)
    order[np.concatenate(rows)] = np.arange(1, sum(map(len, rows)) + 1)
    return pa.chunked_array(pieces).combine_chunks().take(pa.array(order))


def _as_bool(bits: np.ndarray) -> pa.Array:
    return pa.array(bits != 0)


def _as_double(bits: np.ndarray) -> pa.Array:
    return pa.array(bits.view(np.float64))


def _nested(walk: Walk, values: Messages, rows: np.ndarray, longest: int) -> Iterable[str | None]:
    """The rare values that are no scalars, one by one; null for one that cannot be read, such as
    lists a hundred deep.
    """
    for row in rows:
        content = walk.buffer[values.start[row] : values.end[row]].tobytes()
        try:
            found = _plain(AnyValue.FromString(content))
        except DecodeError:
            yield None
            continue
        text = found if isinstance(found, str) else orjson.dumps(found, default=str).decode()
        yield text[:longest]


def _plain(value: AnyValue) -> object:
    """An AnyValue as what JSON knows."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None


@_compiled
def _gather(buffer, starts, ends, longest):
    """(offsets, content) of the slices, one behind the other, each at most `longest` bytes."""
    offsets = np.zeros(len(starts) + 1, np.int32)
    for row in range(len(starts)):
        size = ends[row] - starts[row]
        if size > longest:
            size = longest
            # Back to the first byte of a character.
            while size > 0 and buffer[starts[row] + size] & 0xC0 == 0x80:
                size -= 1
        offsets[row + 1] = offsets[row] + size
    content = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        begin, size = offsets[row], offsets[row + 1] - offsets[row]
        content[begin : begin + size] = buffer[starts[row] : starts[row] + size]
    return offsets, content


@_compiled
def _gather_hex(buffer, starts, ends):
    """(offsets, content, absent): two hexadecimal digits a byte, at most 32 bytes an id."""
    offsets = np.zeros(len(starts) + 1, np.int32)
    absent = np.ones(len(starts), np.bool_)
    for row in range(len(starts)):
        size = min(ends[row] - starts[row], 32)
        offsets[row + 1] = offsets[row] + 2 * size
        for at in range(starts[row], starts[row] + size):
            if buffer[at] != 0:
                absent[row] = False
                break
    content = np.empty(offsets[-1], np.uint8)
    for row in range(len(starts)):
        for index in range((offsets[row + 1] - offsets[row]) // 2):
            byte = buffer[starts[row] + index]
            for half in range(2):
                digit = (byte >> 4) if half == 0 else (byte & 15)
                content[offsets[row] + 2 * index + half] = digit + 48 if digit < 10 else digit + 87
    return offsets, content, absent

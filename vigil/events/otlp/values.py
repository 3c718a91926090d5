"""Texts, ids and attribute values out of a walked buffer, as Arrow arrays."""

import base64
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from vigil.events.otlp.wire import FIXED64, LENGTH, VARINT, Messages, Walk, compiled, field

# Text of an attribute is cut here, as everywhere (`Limits.max_attribute_characters`).
LONGEST_TEXT_BYTES = 1_024
LONGEST_BODY_BYTES = 1 << 20

# Field numbers of AnyValue, which tell what a value is; 0 is none.
NONE, STRING, BOOL, INT, DOUBLE, ARRAY, MAP, BYTES = range(8)


@dataclass(frozen=True, slots=True)
class Values:
    """AnyValue messages, not rendered yet: the field each has, its bits, the end of its content."""

    kind: np.ndarray
    bits: np.ndarray
    end: np.ndarray

    def rows(self, rows: np.ndarray) -> "Values":
        """Some of them."""
        return Values(self.kind[rows], self.bits[rows], self.end[rows])


def joined(parts: list[Values]) -> Values:
    """Values one behind the other."""
    return Values(
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.bits for part in parts]),
        np.concatenate([part.end for part in parts]),
    )


def slices(start: np.ndarray, end: np.ndarray) -> Values:
    """Bytes [start, end) as if they were string values."""
    return Values(np.full(len(start), STRING), start, end)


def any_values(walk: Walk, messages: Messages) -> Values:
    """The AnyValue messages; malformed ones are marked and have no value."""
    kind, bits, end, bad = _any_values(walk.buffer, messages.start, messages.end)
    walk.malformed[messages.payload[bad]] = True
    return Values(kind, bits, end)


def texts(
    walk: Walk, start: np.ndarray, end: np.ndarray, longest: int = LONGEST_TEXT_BYTES
) -> pa.StringArray:
    """The bytes [start, end) as text; see `rendered`."""
    return rendered(walk, slices(start, end), longest)


def rendered(walk: Walk, values: Values, longest: int = LONGEST_TEXT_BYTES) -> pa.StringArray:
    """Values as text: numbers and booleans as in JSON, lists and maps as JSON, bytes as base64;
    null where there is none. Text over `longest` bytes is cut between characters, and what is not
    UTF-8 is replaced.
    """
    kind, bits, end, extra = _spelled_out(walk, values, longest)
    offsets, content = _render(walk.buffer, extra, kind, bits, end, longest)
    valid = np.packbits(kind != NONE, bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(content)]
    binary = pa.Array.from_buffers(pa.binary(), len(kind), buffers)
    try:
        return binary.cast(pa.string())
    except pa.ArrowInvalid:
        found = [item and item.decode("utf-8", "replace") for item in binary.to_pylist()]
        return pa.array(found, pa.string())


def hex_ids(walk: Walk, start: np.ndarray, end: np.ndarray) -> pa.StringArray:
    """Ids as lower-case hexadecimal text; null where absent or all zero, which means absent."""
    offsets, content, absent = _render_hex(walk.buffer, start, end)
    valid = np.packbits(~absent, bitorder="little")
    buffers = [pa.py_buffer(valid), pa.py_buffer(offsets), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), len(start), buffers)


def _spelled_out(
    walk: Walk, values: Values, longest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(kind, bits, end, extra buffer): values that the kernel cannot spell become slices of the
    extra buffer, kind DOUBLE.
    """
    rare = np.flatnonzero(values.kind >= DOUBLE)
    if not len(rare):
        return values.kind, values.bits, values.end, np.empty(0, np.uint8)
    kind, bits, end = values.kind.copy(), values.bits.copy(), values.end.copy()
    double = kind[rare] == DOUBLE
    spelled = pa.array(bits[rare[double]].view(np.float64)).cast(pa.string()).to_pylist()
    spelled += [_nested(walk, values, row)[:longest] for row in rare[~double]]
    encoded = [text.encode("utf-8", "surrogatepass") for text in spelled]
    ends = np.cumsum([len(text) for text in encoded])
    order = np.concatenate([rare[double], rare[~double]])
    kind[order], end[order] = DOUBLE, ends
    bits[order] = np.concatenate([[0], ends[:-1]])
    # A value that cannot be read, such as lists a hundred deep, is none.
    kind[order[np.array([not text for text in encoded])]] = NONE
    return kind, bits, end, np.frombuffer(b"".join(encoded), np.uint8)


def _nested(walk: Walk, values: Values, row: int) -> str:
    content = walk.buffer[values.bits[row] : values.end[row]].tobytes()
    value = AnyValue()
    try:
        if values.kind[row] == BYTES:
            value.bytes_value = content
        elif values.kind[row] == MAP:
            value.kvlist_value.MergeFromString(content)
        else:
            value.array_value.MergeFromString(content)
    except DecodeError:
        return ""
    found = _plain(value)
    return found if isinstance(found, str) else orjson.dumps(found, default=str).decode()


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


@compiled
def any_value(buffer, at, end):
    """(kind, bits, content end) of one AnyValue; kind -1 where it is malformed."""
    kind, bits, stop = NONE, np.int64(0), np.int64(0)
    while at < end:
        number, wire, value, last, at = field(buffer, at, end)
        if at < 0:
            return -1, bits, stop
        if number in (BOOL, INT):
            known = wire == VARINT
        elif number == DOUBLE:
            known = wire == FIXED64
        else:
            known = number <= BYTES and wire == LENGTH
        if known:
            kind, bits, stop = number, value, last
    return kind, bits, stop


@compiled
def _any_values(buffer, starts, ends):
    """kind, bits, content end of each AnyValue, and whether it is malformed."""
    kinds = np.zeros(len(starts), np.int64)
    bits = np.zeros(len(starts), np.int64)
    stops = np.zeros(len(starts), np.int64)
    bad = np.zeros(len(starts), np.bool_)
    for row in range(len(starts)):
        kind, bits[row], stops[row] = any_value(buffer, starts[row], ends[row])
        bad[row] = kind < 0
        kinds[row] = max(kind, 0)
    return kinds, bits, stops, bad


@compiled
def _cut(buffer, start, size, longest):
    """The size in bytes of a text of at most `longest`, whole characters only."""
    if size > longest:
        size = longest
        while size > 0 and buffer[start + size] & 0xC0 == 0x80:
            size -= 1
    return size


@compiled
def _digits(value):
    """How many characters an int64 has."""
    rest, size = np.uint64(value), 1
    if value < 0:
        rest, size = ~rest + np.uint64(1), 2
    while rest > 9:
        rest //= np.uint64(10)
        size += 1
    return size


@compiled
def _render(buffer, extra, kinds, bits, ends, longest):
    """(offsets, content): the values' texts, one behind the other."""
    offsets = np.zeros(len(kinds) + 1, np.int32)
    for row in range(len(kinds)):
        kind, size = kinds[row], np.int64(0)
        if kind == STRING:
            size = _cut(buffer, bits[row], ends[row] - bits[row], longest)
        elif kind == BOOL:
            size = np.int64(4 if bits[row] != 0 else 5)
        elif kind == INT:
            size = np.int64(_digits(bits[row]))
        elif kind != NONE:
            size = ends[row] - bits[row]
        offsets[row + 1] = offsets[row] + size
    content = np.empty(offsets[-1], np.uint8)
    for row in range(len(kinds)):
        kind, begin, end = kinds[row], offsets[row], offsets[row + 1]
        if kind == STRING:
            content[begin:end] = buffer[bits[row] : bits[row] + end - begin]
        elif kind == BOOL:
            word = b"true" if bits[row] != 0 else b"false"
            for index in range(end - begin):
                content[begin + index] = word[index]
        elif kind == INT:
            _spell(content, begin, end, bits[row])
        elif kind != NONE:
            content[begin:end] = extra[bits[row] : ends[row]]
    return offsets, content


@compiled
def _spell(content, begin, end, value):
    """Write an int64 in decimal."""
    # As unsigned, since the smallest has no positive counterpart.
    rest = np.uint64(value)
    if value < 0:
        content[begin] = 45
        rest = ~rest + np.uint64(1)
        begin += 1
    for at in range(end - 1, begin - 1, -1):
        content[at] = 48 + rest % np.uint64(10)
        rest //= np.uint64(10)


@compiled
def _render_hex(buffer, starts, ends):
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
        begin = offsets[row]
        for index in range((offsets[row + 1] - begin) // 2):
            byte = buffer[starts[row] + index]
            high, low = byte >> 4, byte & 15
            content[begin + 2 * index] = high + 48 if high < 10 else high + 87
            content[begin + 2 * index + 1] = low + 48 if low < 10 else low + 87
    return offsets, content, absent

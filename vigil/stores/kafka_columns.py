"""Messages of librdkafka to columns, in loops of machine code outside of Python's lock.

Source: `rd_kafka_message_t` and its functions in rdkafka.h of librdkafka 2, public and stable.
"""

import ctypes as c
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from itertools import count, pairwise
from typing import Any

import confluent_kafka as ck
import llvmlite.binding as llvm
import numba as nb
import numpy as np
from numba import types as nbt

from vigil.events.content import CONTENT_TYPE
from vigil.events.joined import BETWEEN, Joined
from vigil.stores.log import Message, MessageBatch, StoredMessage

# Values that are larger on average are worth a call each, which takes a microsecond: each is copied
# only once then.
SMALL_BYTES = 4 << 10

# Symbols are looked for in what the extension module is linked to as well.
LIBRARY = c.CDLL(ck.cimpl.__file__)

_MESSAGE = np.dtype(
    [
        ("error", np.int32),
        ("topic", np.uintp),
        ("partition", np.int32),
        ("value", np.uintp),
        ("value_bytes", np.uintp),
        ("key", np.uintp),
        ("key_bytes", np.uintp),
        ("offset", np.int64),
    ],
    align=True,
)


def declared(name: str, result: Any, *arguments: Any) -> Any:
    """The library's function `rd_kafka_NAME`, for Python: what it returns and takes."""
    function = getattr(LIBRARY, f"rd_kafka_{name}")
    function.restype, function.argtypes = result, arguments
    return function


_topic_name = declared("topic_name", c.c_char_p, c.c_void_p)
_headers = declared("message_headers", c.c_int, c.c_void_p, c.c_void_p)
_header = declared("header_get_all", c.c_int, c.c_void_p, c.c_size_t, *[c.c_void_p] * 3)


def _machine(name: str, signature: Any) -> Any:
    """The library's function for loops of machine code; addresses are numbers there."""
    llvm.add_symbol(name, c.cast(getattr(LIBRARY, name), c.c_void_p).value)
    return nbt.ExternalFunction(name, signature)


_at = nbt.uintp
_timestamp_of = _machine("rd_kafka_message_timestamp", nbt.int64(_at, _at))
_headers_of = _machine("rd_kafka_message_headers", nbt.int32(_at, _at))
_header_at = _machine("rd_kafka_header_get_all", nbt.int32(_at, _at, _at, _at, _at))
_destroy = _machine("rd_kafka_message_destroy", nbt.void(_at))
_copy = _machine("memcpy", _at(_at, _at, _at))
_compare = _machine("memcmp", nbt.int32(_at, _at, _at))
_compare_names = _machine("strcmp", nbt.int32(_at, _at))


def compiled(signature: str) -> Any:
    """Machine code for these arguments alone, made or found beside the source at import."""
    return nb.njit(signature, cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Run:
    """Messages of one partition, oldest first, in columns of equal length; or, with an `error`,
    what the client says of the partition instead.

    offset, time_ms: int64; the latter when it was appended. keyed: bool, whether it has a key.
    """

    topic: str
    partition: int
    error: ck.KafkaError | None
    offset: np.ndarray
    time_ms: np.ndarray
    value: Sequence[bytes]
    key: Joined
    keyed: np.ndarray
    header: list[dict[str, str]]

    def __len__(self) -> int:
        return len(self.value)

    def part(self, first: int, end: int) -> "Run":
        """Messages [first, end) of it."""
        columns = [getattr(self, field.name)[first:end] for field in fields(self)[3:]]
        return Run(self.topic, self.partition, self.error, *columns)


def runs_of(messages: np.ndarray) -> list[Run]:
    """What these messages hold, which are given back to the library.

    messages: uintp (n,), the address of each.
    """
    try:
        table = np.empty(len(messages), _MESSAGE)
        time_ms = np.empty(len(messages), np.int64)
        alike = np.empty(len(messages), np.bool_)
        _look(messages, table.view(np.uint8).reshape(-1, _MESSAGE.itemsize), time_ms, alike)
        header = _header_of_each(messages, alike)
        place = np.stack([table["error"], table["topic"].view(np.int64), table["partition"]], 1)
        begins = np.flatnonzero((place[1:] != place[:-1]).any(axis=1)) + 1
        edges = [0, *begins.tolist(), len(messages)]
        return [
            _run(table[first:end], time_ms[first:end], header[first:end])
            for first, end in pairwise(edges)
        ]
    finally:
        _give_back(messages)


def batch_of(topic: str, partition: int, runs: Sequence[Run]) -> MessageBatch:
    """Messages of this partition, oldest first."""
    value = _all_values([run.value for run in runs])
    header = [header for run in runs for header in run.header]
    offset = [offset for run in runs for offset in run.offset.tolist()]
    first = np.cumsum([0, *map(len, runs)])

    def row(number: int) -> StoredMessage:
        of = int(np.searchsorted(first, number, side="right")) - 1
        run, at = runs[of], number - first[of]
        appended_at = datetime.fromtimestamp(max(0, int(run.time_ms[at])) / 1000, UTC)
        message = Message(value[number], header[number], run.key[at] if run.keyed[at] else None)
        return StoredMessage(topic, partition, offset[number], appended_at, message)

    return MessageBatch(value, [each.get(CONTENT_TYPE, "") for each in header], offset, row)


def _all_values(parts: Sequence[Sequence[bytes]]) -> Sequence[bytes]:
    joined = [part for part in parts if isinstance(part, Joined)]
    if parts and len(joined) == len(parts):
        return Joined.of(joined)
    return [value for part in parts for value in part]


def _run(table: np.ndarray, time_ms: np.ndarray, header: list[dict[str, str]]) -> Run:
    code, topic = int(table["error"][0]), int(table["topic"][0])
    value = _value_of_each(table["value"].copy(), table["value_bytes"].astype(np.int64))
    return Run(
        topic=_topic_name(topic).decode() if topic else "",
        partition=int(table["partition"][0]),
        error=ck.KafkaError(code, value[0].decode("utf-8", "replace")) if code else None,
        offset=table["offset"].copy(),
        time_ms=time_ms,
        value=value,
        key=_gathered(table["key"].copy(), table["key_bytes"].astype(np.int64)),
        keyed=table["key"] != 0,
        header=header,
    )


def _value_of_each(at: np.ndarray, size: np.ndarray) -> Sequence[bytes]:
    if size.mean() > SMALL_BYTES:
        return list(map(c.string_at, at.tolist(), size.tolist()))
    return _gathered(at, size)


def _gathered(at: np.ndarray, size: np.ndarray) -> Joined:
    start = np.cumsum(size + len(BETWEEN)) - size - len(BETWEEN)
    end = start + size
    text = np.full(end[-1], BETWEEN[0], np.uint8)
    _gather(at, size, start, text)
    return Joined(text.tobytes(), start, end)


def _header_of_each(messages: np.ndarray, alike: np.ndarray) -> list[dict[str, str]]:
    """Names and texts; neighbours that are alike share them."""
    distinct = [_header_texts(at) for at in messages[~alike].tolist()]
    return [distinct[number] for number in (np.cumsum(~alike) - 1).tolist()]


def _header_texts(message: int) -> dict[str, str]:
    headers, name, value, size = c.c_void_p(), c.c_char_p(), c.c_void_p(), c.c_size_t()
    found: dict[str, str] = {}
    if _headers(message, c.byref(headers)):
        return found
    number = count()
    while not _header(headers, next(number), c.byref(name), c.byref(value), c.byref(size)):
        text = c.string_at(value.value or 0, size.value)
        found[(name.value or b"").decode("utf-8", "replace")] = text.decode("utf-8", "replace")
    return found


@compiled("boolean(uintp, uintp)")
def _same_headers(one: int, other: int) -> bool:
    lists = np.zeros(2, np.uintp)
    _headers_of(one, lists.ctypes.data)
    _headers_of(other, lists[1:].ctypes.data)
    if lists[0] == 0 or lists[1] == 0:
        return lists[0] == lists[1]
    # Of a header: where its name and its value are, and how long the value is.
    left, right = np.empty(3, np.uintp), np.empty(3, np.uintp)
    number = 0
    while True:
        ended = _header_at(
            lists[0], number, left.ctypes.data, left[1:].ctypes.data, left[2:].ctypes.data
        )
        also = _header_at(
            lists[1], number, right.ctypes.data, right[1:].ctypes.data, right[2:].ctypes.data
        )
        if ended != 0 or also != 0:
            return (ended != 0) == (also != 0)
        if left[2] != right[2] or _compare(left[1], right[1], left[2]) != 0:
            return False
        if _compare_names(left[0], right[0]) != 0:
            return False
        number += 1


@compiled("void(uintp[::1], uint8[:, ::1], int64[::1], boolean[::1])")
def _look(messages: np.ndarray, table: np.ndarray, time_ms: np.ndarray, alike: np.ndarray) -> None:
    """Fill the rows of each message: its bytes, its time, and whether its headers are those of the
    one before.
    """
    kind = np.empty(1, np.int64)
    row, row_bytes = table.ctypes.data, table.shape[1]
    for number in range(len(messages)):
        _copy(row + number * row_bytes, messages[number], row_bytes)
        time_ms[number] = _timestamp_of(messages[number], kind.ctypes.data)
        alike[number] = number > 0 and _same_headers(messages[number - 1], messages[number])


@compiled("void(uintp[::1], int64[::1], int64[::1], uint8[::1])")
def _gather(at: np.ndarray, size: np.ndarray, start: np.ndarray, text: np.ndarray) -> None:
    """Copy each value to its place in the text."""
    begin = text.ctypes.data
    for number in range(len(at)):
        _copy(begin + start[number], at[number], size[number])


@compiled("void(uintp[::1])")
def _give_back(messages: np.ndarray) -> None:
    for message in messages:
        _destroy(message)

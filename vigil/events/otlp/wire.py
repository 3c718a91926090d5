"""Protobuf's wire format in columns: one level of nesting a pass, over all messages of that level.

A payload is not parsed into objects. `scan` lists the fields of many messages at once; the messages
inside them are the next level. Concatenated payloads are walked together, and one that is malformed
at any depth is marked without disturbing its neighbours.

Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
_compiled = nb.njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one level: bytes [start, end) of the buffer, and the payload each is part of.

    `owner` is the index of the message of the level above that each is a field of.
    """

    owner: np.ndarray
    start: np.ndarray
    end: np.ndarray
    payload: np.ndarray

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields of messages in wire order. A LENGTH field's content is [value, end); for others
    `value` holds the 64 bits.
    """

    messages: Messages
    owner: np.ndarray
    number: np.ndarray
    wire: np.ndarray
    value: np.ndarray
    end: np.ndarray

    def _at(self, number: int, wire: int) -> np.ndarray:
        return np.flatnonzero((self.number == number) & (self.wire == wire))

    def children(self, number: int) -> Messages:
        """The messages (or texts) that repeated field `number` holds."""
        at = self._at(number, LENGTH)
        owner = self.owner[at]
        return Messages(owner, self.value[at], self.end[at], self.messages.payload[owner])

    def bits(self, number: int, wire: int) -> np.ndarray:
        """The 64 bits of a scalar for each message, int64, 0 where absent; the last one counts."""
        at = self._at(number, wire)
        found = np.zeros(len(self.messages), np.int64)
        found[self.owner[at]] = self.value[at]
        return found

    def has(self, number: int, wire: int) -> np.ndarray:
        """Which messages have the field."""
        found = np.zeros(len(self.messages), bool)
        found[self.owner[self._at(number, wire)]] = True
        return found

    def content(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """[start, end) of a text for each message, empty where absent; the last one counts."""
        at = self._at(number, LENGTH)
        start = np.zeros(len(self.messages), np.int64)
        end = np.zeros(len(self.messages), np.int64)
        start[self.owner[at]] = self.value[at]
        end[self.owner[at]] = self.end[at]
        return start, end


class Walk:
    """A walk over joined payloads; `malformed` says which of them broke the wire format so far."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.buffer = np.frombuffer(b"".join(payloads), np.uint8)
        ends = np.cumsum([len(payload) for payload in payloads], dtype=np.int64)
        numbers = np.arange(len(payloads))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(payloads)]
        self.root = Messages(numbers, starts, ends, numbers)
        self.malformed = np.zeros(len(payloads), bool)

    def scan(self, messages: Messages) -> Fields:
        """The fields of all messages; those of malformed messages are left out."""
        counts = _count_fields(self.buffer, messages.start, messages.end)
        self.malformed[messages.payload[counts < 0]] = True
        columns = _list_fields(self.buffer, messages.start, messages.end, counts)
        return Fields(messages, *columns)


@_compiled
def _varint(buffer, at, end):
    """(value, next position); the position is -1 where the varint is cut or too long."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while at < end and shift < 70:
        byte = buffer[at]
        at += 1
        value |= np.uint64(byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += np.uint64(7)
    return value, -1


@_compiled
def _field(buffer, at, end):
    """(number, wire type, value, content end, next position); the position is -1 if malformed."""
    tag, at = _varint(buffer, at, end)
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if at < 0 or number < 1 or number > 0x1FFFFFFF:
        return number, wire, np.int64(0), np.int64(0), -1
    if wire == LENGTH:
        size, at = _varint(buffer, at, end)
        if at < 0 or size > np.uint64(end - at):
            return number, wire, np.int64(0), np.int64(0), -1
        stop = at + np.int64(size)
        return number, wire, np.int64(at), stop, stop
    if wire == VARINT:
        value, at = _varint(buffer, at, end)
        return number, wire, np.int64(value), np.int64(0), at
    width = 8 if wire == FIXED64 else 4
    if (wire != FIXED64 and wire != FIXED32) or at + width > end:
        return number, wire, np.int64(0), np.int64(0), -1
    value = np.uint64(0)
    for index in range(width):
        value |= np.uint64(buffer[at + index]) << np.uint64(8 * index)
    return number, wire, np.int64(value), np.int64(0), at + width


@_compiled
def _count_fields(buffer, starts, ends):
    """How many fields each message has, -1 for a malformed one."""
    counts = np.zeros(len(starts), np.int64)
    for message in range(len(starts)):
        at, end = starts[message], ends[message]
        while at < end:
            _, _, _, _, at = _field(buffer, at, end)
            if at < 0:
                counts[message] = -1
                break
            counts[message] += 1
    return counts


@_compiled
def _list_fields(buffer, starts, ends, counts):
    """owner, number, wire, value, end of every field of the messages with a count >= 0."""
    total = 0
    for count in counts:
        total += max(count, 0)
    owner = np.empty(total, np.int64)
    numbers = np.empty(total, np.int64)
    wires = np.empty(total, np.int64)
    values = np.empty(total, np.int64)
    stops = np.empty(total, np.int64)
    row = 0
    for message in range(len(starts)):
        at, end = starts[message], ends[message]
        for _ in range(counts[message]):
            number, wire, value, stop, at = _field(buffer, at, end)
            owner[row] = message
            numbers[row] = number
            wires[row] = wire
            values[row] = value
            stops[row] = stop
            row += 1
    return owner, numbers, wires, values, stops

"""Protobuf's wire format in columns: one level of nesting a pass, over all messages of that level.

A payload is not parsed into objects. `Walk.read` reads fields of many messages at once into
columns; the messages inside them are the next level. Concatenated payloads are walked together, and
one that is malformed at any depth is marked without disturbing its neighbours.

Source: protobuf.dev/programming-guides/encoding.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

# Fields of a higher number are skipped: OTLP has none.
_NUMBERS = 32

compiled = nb.njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Messages:
    """Messages of one level: bytes [start, end) of the buffer, and the payload each is part of.

    `owner` is the index of the message of the level above that each is a field of, ascending.
    """

    owner: np.ndarray
    start: np.ndarray
    end: np.ndarray
    payload: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def under(self, owners: np.ndarray) -> "Messages":
        """The same messages, owned by the owners of their owners."""
        return Messages(owners[self.owner], self.start, self.end, self.payload)


@dataclass(frozen=True, slots=True)
class Level:
    """Fields read from messages, a column each; the last occurrence of a field counts.

    `repeated`: the messages of the repeated field, in wire order.
    """

    messages: Messages
    slots: dict[int, int]
    value: np.ndarray
    end: np.ndarray
    repeated: Messages

    def bits(self, number: int) -> np.ndarray:
        """The 64 bits of a scalar, int64, 0 where absent."""
        return self.value[self.slots[number]]

    def content(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """[start, end) of a text or message, empty where absent."""
        slot = self.slots[number]
        return self.value[slot], self.end[slot]

    def inner(self, number: int) -> Messages:
        """The message in a field, for those that have it and where it is not empty."""
        start, end = self.content(number)
        owner = np.flatnonzero(end > start)
        return Messages(owner, start[owner], end[owner], self.messages.payload[owner])


class Walk:
    """A walk over joined payloads; `malformed` says which of them broke the wire format so far."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.buffer = np.frombuffer(b"".join(payloads), np.uint8)
        ends = np.cumsum([len(payload) for payload in payloads], dtype=np.int64)
        numbers = np.arange(len(payloads))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(payloads)]
        self.root = Messages(numbers, starts, ends, numbers)
        self.malformed = np.zeros(len(payloads), bool)
        self.names: dict[bytes, int] = {}

    def read(
        self, messages: Messages, fields: Sequence[tuple[int, int]] = (), repeated: int = 0
    ) -> Level:
        """Read `fields`, (number, wire type) each, and the repeated messages `repeated`.

        Malformed messages have neither.
        """
        slots = np.full((_NUMBERS, 6), -1)
        for slot, (number, wire) in enumerate(fields):
            slots[number, wire] = slot
        value, end, owner, start, stop, bad = _read_level(
            self.buffer, messages.start, messages.end, slots, len(fields), repeated
        )
        self.malformed[messages.payload[bad]] = True
        inside = Messages(owner, start, stop, messages.payload[owner])
        numbers = {number: slot for slot, (number, _) in enumerate(fields)}
        return Level(messages, numbers, value, end, inside)


@compiled
def varint(buffer, at, end):
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


@compiled
def field(buffer, at, end):
    """(number, wire type, value, content end, next position); the position is -1 if malformed.

    The content of a LENGTH field is [value, content end); of others `value` has the bits.
    """
    tag, at = varint(buffer, at, end)
    number, wire = np.int64(tag >> np.uint64(3)), np.int64(tag & np.uint64(7))
    if at < 0 or number < 1 or number > 0x1FFFFFFF:
        return number, wire, np.int64(0), np.int64(0), -1
    if wire == LENGTH:
        size, at = varint(buffer, at, end)
        if at < 0 or size > np.uint64(end - at):
            return number, wire, np.int64(0), np.int64(0), -1
        stop = at + np.int64(size)
        return number, wire, np.int64(at), stop, stop
    if wire == VARINT:
        value, at = varint(buffer, at, end)
        return number, wire, np.int64(value), np.int64(0), at
    width = 8 if wire == FIXED64 else 4
    if (wire != FIXED64 and wire != FIXED32) or at + width > end:
        return number, wire, np.int64(0), np.int64(0), -1
    value = np.uint64(0)
    for index in range(width):
        value |= np.uint64(buffer[at + index]) << np.uint64(8 * index)
    return number, wire, np.int64(value), np.int64(0), at + width


@compiled
def _read_level(buffer, starts, ends, slots, count, repeated):
    """(value, end) of the single fields, (owner, start, stop) of the repeated one, malformed?"""
    value = np.zeros((count, len(starts)), np.int64)
    last = np.zeros((count, len(starts)), np.int64)
    bad = np.zeros(len(starts), np.bool_)
    room = 4 * len(starts) + 16
    inside = np.empty((3, room), np.int64)
    size = 0
    for message in range(len(starts)):
        at, end, before = starts[message], ends[message], size
        while at < end:
            number, wire, content, stop, at = field(buffer, at, end)
            if at < 0:
                bad[message] = True
                break
            if number == repeated and wire == LENGTH:
                if size == room:
                    wider = np.empty((3, 2 * room), np.int64)
                    wider[:, :room] = inside
                    inside, room = wider, 2 * room
                inside[0, size], inside[1, size], inside[2, size] = message, content, stop
                size += 1
            elif number < _NUMBERS and slots[number, wire] >= 0:
                value[slots[number, wire], message] = content
                last[slots[number, wire], message] = stop
        if bad[message]:
            size = before
            value[:, message] = 0
            last[:, message] = 0
    return value, last, inside[0, :size], inside[1, :size], inside[2, :size], bad

"""Lists of KeyValue as columns: names picked out as fields of the record, the rest as a map.

Values stay where they are in the buffer until they are needed, so choosing and repeating them
costs a few integers each.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vigil.events.otlp.values import INT, NONE, Values, any_value, joined, rendered
from vigil.events.otlp.wire import LENGTH, Messages, Walk, compiled, field


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of `count` records, in wire order.

    `owner`: record of each entry, ascending; `code`: its key's number in the walk's names; `taken`
    marks entries that became fields.
    """

    walk: Walk
    count: int
    owner: np.ndarray
    code: np.ndarray
    values: Values
    taken: np.ndarray

    def pick(self, *names: str) -> pa.StringArray:
        """Text of the first of `names` that a record has, null where it has none of them."""
        rows = self._first(names)
        return pa.nulls(self.count, pa.string()) if rows is None else self._texts(rows)

    def pick_integers(self, *names: str) -> pa.Int64Array | pa.StringArray:
        """As `pick`, but int64 where all that is found are integers, as nearly always."""
        rows = self._first(names)
        if rows is None:
            return pa.nulls(self.count, pa.int64())
        missing = rows < 0
        if not (missing | (self.values.kind[rows] == INT)).all():
            return self._texts(rows)
        return pa.array(self.values.bits[rows], pa.int64(), mask=missing)

    def _first(self, names: Sequence[str]) -> np.ndarray | None:
        """The entry of the first of `names` that each record has, -1 where it has none; None where
        no record has any. Entries under these names count as taken.
        """
        found = np.full(self.count, -1)
        for name in reversed(names):
            code = self.walk.names.get(name.encode())
            if code is not None:
                rows = np.flatnonzero(self.code == code)
                found[self.owner[rows]] = rows
                self.taken[rows] = True
        return found if self.count and found.max() >= 0 else None

    def _texts(self, rows: np.ndarray) -> pa.StringArray:
        values = self.values.rows(rows)
        values.kind[rows < 0] = NONE
        return rendered(self.walk, values)

    def select(self, prefixes: Sequence[str]) -> "Attributes":
        """Only the entries whose key begins with one of `prefixes` and that are not fields."""
        starts = tuple(prefix.encode() for prefix in prefixes)
        wanted = np.array([name.startswith(starts) for name in self.walk.names], bool)
        return self._rows(np.flatnonzero(wanted[self.code] & ~self.taken))

    def rest(self) -> "Attributes":
        """The entries that did not become fields."""
        return self._rows(np.flatnonzero(~self.taken))

    def _rows(self, rows: np.ndarray) -> "Attributes":
        values = self.values.rows(rows)
        owner, code, taken = self.owner[rows], self.code[rows], self.taken[rows]
        return Attributes(self.walk, self.count, owner, code, values, taken)

    def of(self, records: np.ndarray) -> "Attributes":
        """The attributes of `records`, indices that may repeat: those of a resource given to each
        of its spans.
        """
        starts = np.searchsorted(self.owner, np.arange(self.count + 1))
        counts = np.diff(starts)[records]
        owner = np.repeat(np.arange(len(records)), counts)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.arange(len(owner)) - before + np.repeat(starts[:-1][records], counts)
        spread = self._rows(rows)
        return Attributes(self.walk, len(records), owner, spread.code, spread.values, spread.taken)


def read_attributes(walk: Walk, entries: Messages, count: int) -> Attributes:
    """The KeyValue messages `entries`, whose owners are `count` records."""
    *keys, kind, bits, end, bad = _key_values(walk.buffer, entries.start, entries.end)
    walk.malformed[entries.payload[bad]] = True
    code = _codes(walk, *keys)
    # An attribute without a value says nothing.
    kept = kind != NONE
    values = Values(kind, bits, end)
    found = Attributes(walk, count, entries.owner, code, values, ~kept)
    return found if kept.all() else found.rest()


def constant(walk: Walk, name: str, values: Values) -> Attributes:
    """One attribute for each record; absent where the value is none."""
    code = walk.names.setdefault(name.encode(), len(walk.names))
    rows = np.flatnonzero(values.kind != NONE)
    codes, taken = np.full(len(rows), code), np.zeros(len(rows), bool)
    return Attributes(walk, len(values.kind), rows, codes, values.rows(rows), taken)


def as_maps(parts: Sequence[Attributes], most: int) -> pa.MapArray:
    """One map a record from all parts, at most `most` entries; an earlier part wins a key."""
    walk, count = parts[0].walk, parts[0].count
    owner = np.concatenate([part.owner for part in parts])
    order = np.argsort(owner, kind="stable")
    code = np.concatenate([part.code for part in parts])[order]
    kept = np.flatnonzero(_keep(owner[order], code, len(walk.names), most))
    rows = order[kept]
    offsets = np.searchsorted(owner[rows], np.arange(count + 1)).astype(np.int32)
    names = [name.decode("utf-8", "replace")[:1_024] for name in walk.names]
    keys = pa.array(names, pa.string()).take(pa.array(code[kept]))
    values = rendered(walk, joined([part.values for part in parts]).rows(rows))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, values)


def _codes(walk: Walk, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The number of each key in the walk's names, which grow by those not met before."""
    local, first = _intern(walk.buffer, start, end)
    codes = []
    for row in first:
        name = walk.buffer[start[row] : end[row]].tobytes()
        codes.append(walk.names.setdefault(name, len(walk.names)))
    return np.array(codes, np.int64)[local]


@compiled
def _key_values(buffer, starts, ends):
    """Of each KeyValue: key [start, end), the value's kind, bits, content end, malformed?"""
    count = len(starts)
    key = np.zeros((2, count), np.int64)
    kinds = np.zeros(count, np.int64)
    found = np.zeros((2, count), np.int64)
    bad = np.zeros(count, np.bool_)
    for row in range(count):
        at, end = starts[row], ends[row]
        while at < end:
            number, wire, value, last, at = field(buffer, at, end)
            if at < 0:
                bad[row] = True
                break
            if wire != LENGTH:
                continue
            if number == 1:
                key[0, row], key[1, row] = value, last
            elif number == 2:
                kind, bits, content_end = any_value(buffer, value, last)
                bad[row] |= kind < 0
                kinds[row] = max(kind, 0)
                found[0, row], found[1, row] = bits, content_end
    return key[0], key[1], kinds, found[0], found[1], bad


@compiled
def _same(buffer, starts, ends, row, other):
    """Whether the texts of two rows are equal."""
    size = ends[row] - starts[row]
    if ends[other] - starts[other] != size:
        return False
    at = 0
    while at < size and buffer[starts[row] + at] == buffer[starts[other] + at]:
        at += 1
    return at == size


@compiled
def _intern(buffer, starts, ends):
    """(number of each text, first row of each number): equal texts have equal numbers.

    Records of a sender mostly name the same things in the same order, so what followed the text
    before is tried first. Then a hash table with linear probing, FNV-1a over the bytes.
    """
    room = 16
    while room < 2 * len(starts):
        room *= 2
    table = np.full(room, -1, np.int64)
    numbers = np.empty(len(starts), np.int64)
    first = np.empty(len(starts), np.int64)
    follower = np.full(len(starts), -1, np.int64)
    count, before = 0, -1
    for row in range(len(starts)):
        number = follower[before] if before >= 0 else -1
        if number < 0 or not _same(buffer, starts, ends, row, first[number]):
            digest = np.uint64(14695981039346656037)
            for at in range(starts[row], ends[row]):
                digest = (digest ^ np.uint64(buffer[at])) * np.uint64(1099511628211)
            place = np.int64((digest ^ (digest >> np.uint64(32))) & np.uint64(room - 1))
            while table[place] >= 0:
                number = table[place]
                if _same(buffer, starts, ends, row, first[number]):
                    break
                place = (place + 1) & (room - 1)
            if table[place] < 0:
                table[place], first[count] = count, row
                number = count
                count += 1
        numbers[row] = number
        if before >= 0:
            follower[before] = number
        before = number
    return numbers, first[:count]


@compiled
def _keep(owner, code, names, most):
    """Which entries come first under their key and are within the first `most` of their record."""
    keep = np.zeros(len(owner), np.bool_)
    seen = np.full(names, -1, np.int64)
    record, size = np.int64(-1), 0
    for row in range(len(owner)):
        if owner[row] != record:
            record, size = owner[row], 0
        if seen[code[row]] != record and size < most:
            keep[row] = True
            size += 1
            seen[code[row]] = record
    return keep

"""Lists of KeyValue as columns: names picked out as fields of the record, the rest as a map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba as nb
import numpy as np
import pyarrow as pa

from vigil.events.otlp.values import any_values, texts
from vigil.events.otlp.wire import Messages, Walk

_compiled = nb.njit(cache=True, nogil=True)


@dataclass(slots=True)
class Attributes:
    """Attributes of `count` records, in wire order.

    `owner`: record of each entry, ascending; `code`: index of its key in `names`; `value`: text.
    `taken` marks entries that became fields.
    """

    count: int
    owner: np.ndarray
    code: np.ndarray
    names: list[str]
    value: pa.StringArray
    taken: np.ndarray

    def pick(self, *names: str) -> pa.StringArray:
        """Text of the first of `names` that a record has, null where it has none of them."""
        found = np.full(self.count, -1)
        for name in reversed(names):
            if name in self.names:
                rows = np.flatnonzero(self.code == self.names.index(name))
                found[self.owner[rows]] = rows
                self.taken[rows] = True
        return self.value.take(pa.array(found, mask=found < 0))

    def select(self, prefixes: Sequence[str]) -> "Attributes":
        """Only the entries whose key begins with one of `prefixes` and that are not fields."""
        wanted = np.array([name.startswith(tuple(prefixes)) for name in self.names], bool)
        return self.rows(np.flatnonzero(wanted[self.code] & ~self.taken))

    def rest(self) -> "Attributes":
        """The entries that did not become fields."""
        return self.rows(np.flatnonzero(~self.taken))

    def rows(self, rows: np.ndarray) -> "Attributes":
        """Some of the entries."""
        value = self.value.take(pa.array(rows))
        return Attributes(
            self.count, self.owner[rows], self.code[rows], self.names, value, self.taken[rows]
        )

    def of(self, records: np.ndarray) -> "Attributes":
        """The attributes of `records`, indices that may repeat: those of a resource given to each
        of its spans.
        """
        starts = np.searchsorted(self.owner, np.arange(self.count + 1))
        counts = np.diff(starts)[records]
        owner = np.repeat(np.arange(len(records)), counts)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.arange(len(owner)) - before + np.repeat(starts[:-1][records], counts)
        spread = self.rows(rows)
        return Attributes(len(records), owner, spread.code, self.names, spread.value, spread.taken)


def read_attributes(walk: Walk, entries: Messages, count: int) -> Attributes:
    """The KeyValue messages `entries`, whose owners are `count` records."""
    fields = walk.scan(entries)
    keys = texts(walk, *fields.content(1)).dictionary_encode()
    held = fields.children(2)
    last = np.full(len(entries), -1)
    last[held.owner] = np.arange(len(held))
    values = any_values(walk, held).take(pa.array(last, mask=last < 0))
    # An attribute without a value says nothing.
    kept = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
    return Attributes(
        count=count,
        owner=entries.owner[kept],
        code=keys.indices.to_numpy()[kept],
        names=keys.dictionary.to_pylist(),
        value=values.take(pa.array(kept)),
        taken=np.zeros(len(kept), bool),
    )


def constant(name: str, value: pa.StringArray) -> Attributes:
    """One attribute for each record, `value` its text; absent where null."""
    rows = np.flatnonzero(value.is_valid().to_numpy(zero_copy_only=False))
    code, taken = np.zeros(len(rows), np.int64), np.zeros(len(rows), bool)
    return Attributes(len(value), rows, code, [name], value.take(pa.array(rows)), taken)


def as_maps(parts: Sequence[Attributes], most: int) -> pa.MapArray:
    """One map a record from all parts, at most `most` entries; an earlier part wins a key."""
    count = parts[0].count
    names = list(dict.fromkeys(name for part in parts for name in part.names))
    codes = [
        np.array([names.index(name) for name in part.names], np.int64)[part.code] for part in parts
    ]
    owner = np.concatenate([part.owner for part in parts])
    order = np.argsort(owner, kind="stable")
    code = np.concatenate(codes)[order]
    kept = np.flatnonzero(_keep(owner[order], code, len(names), most))
    rows, code = order[kept], code[kept]
    offsets = np.searchsorted(owner[rows], np.arange(count + 1)).astype(np.int32)
    value = pa.chunked_array([part.value for part in parts]).combine_chunks()
    keys = pa.array(names, pa.string()).take(pa.array(code))
    return pa.MapArray.from_arrays(pa.array(offsets), keys, value.take(pa.array(rows)))


@_compiled
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

"""Many lines of text as one byte buffer: what the compiled parts of this stage work on."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

NEWLINE = 10


@dataclass(frozen=True, slots=True)
class Lines:
    """Line n is `data[start[n]:end[n]]`. data: uint8; start, end: int64, one entry a line."""

    data: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def __len__(self) -> int:
        return len(self.start)

    def text(self, line: int) -> str:
        """One line; bytes that are no UTF-8 become U+FFFD."""
        return self.data[self.start[line] : self.end[line]].tobytes().decode(errors="replace")

    def at(self, lines: slice | np.ndarray) -> "Lines":
        """Some of the lines, sharing the buffer."""
        return Lines(self.data, self.start[lines], self.end[lines])

    def moved(self, start: np.ndarray) -> "Lines":
        """The same lines, beginning later."""
        return Lines(self.data, start, self.end)


def split_lines(block: bytes) -> Lines:
    """Lines of a block of text; a newline at its very end begins no further line.

    >>> [split_lines(b"a\\n\\nb").text(n) for n in range(3)]
    ['a', '', 'b']
    """
    data = np.frombuffer(block, np.uint8)
    breaks = np.flatnonzero(data == NEWLINE)
    start = np.concatenate([np.zeros(1, np.int64), breaks + 1])
    end = np.append(breaks, len(data))
    if len(data) == 0 or data[-1] == NEWLINE:
        start, end = start[:-1], end[:-1]
    return Lines(data, start, end)


def lines_of(texts: Iterable[str] | pa.Array | pa.ChunkedArray) -> Lines:
    """Lines of a column of text without nulls; an Arrow array is not copied."""
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if not isinstance(texts, pa.Array):
        texts = pa.array(texts, pa.large_string())
    texts = texts.cast(pa.large_string())
    _, offsets, values = texts.buffers()
    if offsets is None or values is None:
        return split_lines(b"")
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return Lines(np.frombuffer(values, np.uint8), bounds[:-1], bounds[1:])

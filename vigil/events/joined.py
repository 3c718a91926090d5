"""Values in one piece, for readers that think in columns: no object for each of them."""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np

BETWEEN = b"\n"


class Joined(Sequence[bytes]):
    """Values one after the other in `text`, a line feed between neighbours.

    start, end: int64 (n,), where each lies in the text.
    """

    def __init__(self, text: bytes, start: np.ndarray, end: np.ndarray) -> None:
        self.text = text
        self.start = start
        self.end = end

    @classmethod
    def of(cls, parts: "Sequence[Joined]") -> "Joined":
        """All values of these, in order."""
        before = np.cumsum([0, *(len(part.text) + len(BETWEEN) for part in parts)])[:-1]
        moved = list(zip(parts, before, strict=True))
        return cls(
            BETWEEN.join(part.text for part in parts),
            np.concatenate([part.start + at for part, at in moved]),
            np.concatenate([part.end + at for part, at in moved]),
        )

    def __len__(self) -> int:
        return len(self.start)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> "Joined": ...
    def __getitem__(self, at: int | slice) -> "bytes | Joined":
        if not isinstance(at, slice):
            return self.text[self.start[at] : self.end[at]]
        start, end = self.start[at], self.end[at]
        if not len(start):
            return Joined(b"", start, end)
        first = start[0]
        return Joined(self.text[first : end[-1]], start - first, end - first)

    def __iter__(self) -> Iterator[bytes]:
        return map(self.text.__getitem__, map(slice, self.start.tolist(), self.end.tolist()))

    def has_lines(self) -> bool:
        """Whether each value is one line of the text."""
        return self.text.count(BETWEEN) == len(self) - 1


def sizes_of(values: Sequence[bytes]) -> np.ndarray:
    """Bytes of each, int64 (n,)."""
    if isinstance(values, Joined):
        return values.end - values.start
    return np.fromiter(map(len, values), np.int64, len(values))


def beginnings(values: Sequence[bytes], length: int) -> set[bytes]:
    """The first so many bytes of values, each once; fewer of a value that is shorter."""
    if not isinstance(values, Joined) or sizes_of(values).min(initial=length) < length:
        return {value[:length] for value in values}
    text = np.frombuffer(values.text, np.uint8)
    found = np.stack([text[values.start + number] for number in range(length)], axis=1)
    return set(np.unique(found.view(f"S{length}")).tolist())

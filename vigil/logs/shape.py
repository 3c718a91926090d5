"""The shape of a line: its tokens with values left open, and a hash that can be masked.

The hash is the sum of the tokens' hashes, each times an odd number of its position, so that a
position can be masked without reading the line again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from vigil.logs.alphabet import hash_of, mark_hash
from vigil.logs.compiled import compiled
from vigil.logs.lexer import MARK, MAX_TOKENS, VALUE, VALUE_HASH, lex_line, new_tokens

PLACEHOLDER = "<*>"

_SENTENCE = frozenset(",;:.!?=")
_PARTNER = {"(": ")", "[": "]", "{": "}", "<": ">", '"': '"', "'": "'"}

_HOLE_HASH = 0xC2B2AE3D27D4EB4F
_WRAP = (1 << 64) - 1
_LENGTH = np.uint64(0xD6E8FEB86659FD93)
# Of a fixed seed: ids of templates are the same on every machine.
_PLACES = np.random.default_rng(1729).integers(0, 2**63, MAX_TOKENS, np.uint64)
PLACE = _PLACES * np.uint64(2) + np.uint64(1)


@compiled
def shape_hash(hashes, count):
    """Hash of a token sequence."""
    total = np.uint64(count) * _LENGTH
    for at in range(count):
        total += hashes[at] * PLACE[at]
    return total


Form = tuple[str | None, ...]
# What stays of a shape, and the form of each word that was taken out; a plain value is (None,).
Outline = tuple[tuple[str | None, ...], tuple[Form, ...]]
PLAIN: Form = (None,)


def is_identifier(word: str) -> bool:
    """Whether a word was made for machines: joined parts or capitals inside.

    >>> [is_identifier(word) for word in ("com.shop.Cart", "eventType", "half-open", "Ready")]
    [True, True, True, False]
    """
    return re.search(r"\w[._/$\\-]\w|[a-z][A-Z]", word) is not None


@dataclass(frozen=True, slots=True)
class Shape:
    """The tokens of a line: None is a value; glued: no space before; hashes: uint64."""

    tokens: tuple[str | None, ...]
    is_mark: tuple[bool, ...]
    glued: tuple[bool, ...]
    hashes: np.ndarray

    @classmethod
    def of_tokens(
        cls, tokens: Sequence[str | None], is_mark: Sequence[bool], glued: Sequence[bool]
    ) -> "Shape":
        """A shape from its parts, hashed anew."""
        hashes = [
            VALUE_HASH if token is None else mark_hash(token) if mark else hash_of(token)
            for token, mark in zip(tokens, is_mark, strict=True)
        ]
        return cls(tuple(tokens), tuple(is_mark), tuple(glued), np.array(hashes, np.uint64))

    def hash(self) -> int:
        """What a line of this shape hashes to."""
        return int(shape_hash(self.hashes, len(self.hashes)))

    def rest_hash(self, at: int) -> int:
        """Hash of everything but the token at `at`: equal for shapes that differ there only."""
        return (self.hash() + (_HOLE_HASH - int(self.hashes[at])) * int(PLACE[at])) & _WRAP

    def is_word(self, at: int) -> bool:
        """Whether the token at `at` is neither a value nor punctuation."""
        return self.tokens[at] is not None and not self.is_mark[at]

    def opened(self, at: int) -> "Shape":
        """The same shape with a value in place of the token at `at`."""
        hashes = self.hashes.copy()
        hashes[at] = VALUE_HASH
        tokens = (*self.tokens[:at], None, *self.tokens[at + 1 :])
        return replace(self, tokens=tokens, hashes=hashes)

    def outline(self) -> Outline:
        """The shape without the words that may be values.

        `synced to LOCAL(0)` and `synced to 10.0.0.7` have one frame; so do `by=ann` and `by=7`.
        """
        frame: list[str | None] = []
        forms: list[Form] = []
        first = 0
        for at in range(1, len(self.tokens) + 1):
            if at < len(self.tokens) and self.glued[at] and self.tokens[at - 1] != "=":
                continue
            begin, stop = self._core(first, at)
            form = self.tokens[begin:stop]
            if self._may_be_value(begin, stop):
                frame += [*self.tokens[first:begin], None, *self.tokens[stop:at]]
                forms.append(form)
            else:
                frame += self.tokens[first:at]
            first = at
        return tuple(frame), tuple(forms)

    def _may_be_value(self, begin: int, stop: int) -> bool:
        """Whether the word has a value in it, is one of `key=word`, or was made for machines."""
        if None in self.tokens[begin:stop]:
            return True
        if stop - begin != 1 or self.is_mark[begin]:
            return False
        assigned = begin > 0 and self.glued[begin] and self.tokens[begin - 1] == "="
        return assigned or is_identifier(self.tokens[begin] or "")

    def _core(self, begin: int, stop: int) -> tuple[int, int]:
        """The part of a word inside the punctuation of its sentence and brackets around it."""
        while stop > begin and self.is_mark[stop - 1] and self.tokens[stop - 1] in _SENTENCE:
            stop -= 1
        first, last = (self.tokens[begin], self.tokens[stop - 1]) if stop > begin else ("", "")
        if stop - begin > 1 and self.is_mark[begin] and first and _PARTNER.get(first) == last:
            return self._core(begin + 1, stop - 1)
        return begin, stop

    def text(self) -> str:
        """The template as people write it.

        >>> shape_of(b"session opened for user root by (uid=0)").text()
        'session opened for user root by (uid=<*>)'
        """
        parts: list[str] = []
        for token, glued in zip(self.tokens, self.glued, strict=True):
            if token is None and parts and parts[-1] == PLACEHOLDER:
                continue
            if parts and not glued:
                parts.append(" ")
            parts.append(PLACEHOLDER if token is None else token)
        return "".join(parts)


class ShapeReader:
    """Shapes of single lines, for people and for learning; reuses its arrays."""

    def __init__(self) -> None:
        self._room = new_tokens()

    def shape(self, data: np.ndarray, start: int, end: int) -> Shape:
        """The shape of `data[start:end]`."""
        count = lex_line(data, start, end, self._room)
        kind, begin, stop, glued, hashes = (array[:count] for array in self._room)
        tokens = tuple(
            None if what == VALUE else data[first:after].tobytes().decode(errors="replace")
            for what, first, after in zip(kind, begin, stop, strict=True)
        )
        marks = tuple((kind == MARK).tolist())
        return Shape(tokens, marks, tuple(glued.tolist()), hashes.copy())


def shape_of(line: bytes) -> Shape:
    """The shape of one line."""
    return ShapeReader().shape(np.frombuffer(line, np.uint8), 0, len(line))

"""What the miner knows about one template, and how lines find theirs."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vigil.logs.compiled import compiled
from vigil.logs.lexer import MARK, MAX_TOKENS, VALUE_HASH, lex_line, new_tokens
from vigil.logs.lines import Lines
from vigil.logs.shape import PLACE, Shape, shape_hash


@dataclass(slots=True)
class Pattern:
    """One sequence of tokens. opened: places of words that turned out to be values."""

    shape: Shape
    opened: tuple[int, ...] = ()
    lines: int = 0

    @property
    def words(self) -> int:
        """How many of its tokens are words."""
        return sum(self.shape.is_word(at) for at in range(len(self.shape.tokens)))


@dataclass(frozen=True, slots=True)
class Matcher:
    """Patterns as sorted arrays: finds those of many lines, each read once.

    known: hashes of patterns, sorted; target: their numbers. The opened places of patterns of n
    tokens are `mask_place[mask_stop[k - 1]:mask_stop[k]]` for k in mask_from[n]..mask_from[n + 1].
    """

    known: np.ndarray
    target: np.ndarray
    mask_from: np.ndarray
    mask_stop: np.ndarray
    mask_place: np.ndarray

    @classmethod
    def of(cls, patterns: Mapping[int, Pattern]) -> "Matcher":
        """A matcher of numbered patterns; those with fewer opened places are tried first."""
        known = np.array([p.shape.hash() for p in patterns.values()], np.uint64)
        order = np.argsort(known)
        masks = sorted(
            {(len(p.shape.tokens), len(p.opened), p.opened) for p in patterns.values() if p.opened}
        )
        lengths = np.array([length for length, _, _ in masks], np.int64)
        return cls(
            known[order],
            np.fromiter(patterns, np.int64, len(patterns))[order],
            np.searchsorted(lengths, np.arange(MAX_TOKENS + 2)),
            np.cumsum([len(places) for _, _, places in masks], dtype=np.int64),
            np.array([place for _, _, places in masks for place in places], np.int64),
        )

    def find(self, lines: Lines) -> tuple[np.ndarray, np.ndarray]:
        """(pattern number of each line, -1 where none fits, int64; hash of its shape, uint64)."""
        found = np.empty(len(lines), np.int64)
        hashes = np.empty(len(lines), np.uint64)
        _find(
            lines.data, lines.start, lines.end, self.known, self.target, self.mask_from,
            self.mask_stop, self.mask_place, found, hashes,
        )  # fmt: skip
        return found, hashes


@compiled
def _find(data, start, end, known, target, mask_from, mask_stop, mask_place, found, hashes):
    tokens = new_tokens()
    for line in range(len(start)):
        count = lex_line(data, start[line], end[line], tokens)
        total = shape_hash(tokens.hashes, count)
        hashes[line] = total
        found[line] = _look_up(known, target, total)
        for mask in range(mask_from[count], mask_from[count + 1]):
            if found[line] >= 0:
                break
            masked = total
            for at in range(mask_stop[mask - 1] if mask else 0, mask_stop[mask]):
                place = mask_place[at]
                if tokens.kind[place] == MARK:
                    break
                masked += (VALUE_HASH - tokens.hashes[place]) * PLACE[place]
            else:
                found[line] = _look_up(known, target, masked)


@compiled
def _look_up(known, target, value):
    at = np.searchsorted(known, value)
    return target[at] if at < len(known) and known[at] == value else -1

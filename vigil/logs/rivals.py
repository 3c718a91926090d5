"""Which patterns compete for a place, and which of these places have turned out to hold values."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from vigil.logs.pattern import Pattern
from vigil.logs.shape import is_identifier
from vigil.logs.slots import Place, is_open

_MOST_KNOWN_VALUES = 64
_MOST_CONTEXTS = 4_096


@dataclass(slots=True)
class _Contest:
    """Patterns that are alike but for the token at `at`."""

    at: int
    members: set[int] = field(default_factory=set)


class Rivals:
    """Patterns by everything but one of their tokens, for each of their tokens."""

    def __init__(self) -> None:
        self._contests: dict[int, _Contest] = {}
        self._touched: set[int] = set()
        # `user` → words that were values after it, and contests after it that are still closed.
        self._values_after: dict[str, set[str]] = {}
        self._closed_after: dict[str, set[int]] = defaultdict(set)

    def add(self, number: int, pattern: Pattern) -> None:
        """Let a pattern compete for each of its places."""
        for at, is_mark in enumerate(pattern.shape.is_mark):
            if is_mark:
                continue
            key = pattern.shape.rest_hash(at)
            contest = self._contests.setdefault(key, _Contest(at))
            contest.members.add(number)
            if len(contest.members) > 1:
                self._touched.add(key)

    def remove(self, number: int, pattern: Pattern) -> None:
        """Take a pattern out of all its contests."""
        for at, is_mark in enumerate(pattern.shape.is_mark):
            if is_mark:
                continue
            key = pattern.shape.rest_hash(at)
            contest = self._contests[key]
            contest.members.discard(number)
            if not contest.members:
                del self._contests[key]

    def decided(self, patterns: Mapping[int, Pattern]) -> list[tuple[int, list[int]]]:
        """(place, members) of contests touched since the last call whose place holds values.

        Those whose lines have most in common come first.
        """
        found = []
        for key in self._take_touched():
            contest = self._contests.get(key)
            if contest is None or len(contest.members) < 2:
                continue
            members = sorted(contest.members)
            place, before = self._place(contest.at, [patterns[number] for number in members])
            if is_open(place):
                found.append((-place.common_words, -len(members), contest.at, members))
                self._learn_values(before, contest.at, [patterns[number] for number in members])
            elif before and len(self._closed_after) < _MOST_CONTEXTS:
                self._closed_after[before].add(key)
        return [(at, members) for _, _, at, members in sorted(found)]

    def _take_touched(self) -> list[int]:
        touched, self._touched = sorted(self._touched), set()
        return touched

    def _place(self, at: int, members: list[Pattern]) -> tuple[Place, str | None]:
        """The evidence about a place and the word before it."""
        shape = members[0].shape
        before = shape.tokens[at - 1] if at and shape.is_word(at - 1) else None
        counts = {m.shape.tokens[at]: m.lines for m in members if m.shape.is_word(at)}
        made = sum(is_identifier(word or "") for word in counts)
        known = self._values_after.get(before, set()) if before else set()
        place = Place(
            counts=counts.values(),
            common_words=members[0].words - shape.is_word(at),
            has_value=len(counts) < len(members),
            is_first=not any(shape.is_word(n) for n in range(at)),
            is_known=2 * len(known & counts.keys()) >= len(counts) > 0,
            is_assigned=at > 0 and shape.tokens[at - 1] == "=" and 2 * made >= len(counts),
            is_value=any(at in m.opened for m in members),
        )
        return place, before

    def _learn_values(self, before: str | None, at: int, members: list[Pattern]) -> None:
        """Remember what stood in an open place, and look again at closed ones like it."""
        if before is None or len(self._values_after) >= _MOST_CONTEXTS:
            return
        values = self._values_after.setdefault(before, set())
        values.update(m.shape.tokens[at] or "" for m in members if m.shape.is_word(at))
        while len(values) > _MOST_KNOWN_VALUES:
            values.pop()
        self._touched |= self._closed_after.pop(before, set())

    def values_after(self) -> dict[str, list[str]]:
        """What was learned about values, for `restore_values`."""
        return {word: sorted(values) for word, values in self._values_after.items()}

    def restore_values(self, values_after: Mapping[str, list[str]]) -> None:
        """Go on from `values_after()`."""
        self._values_after = {word: set(values) for word, values in values_after.items()}

    def forget_touched(self) -> None:
        """Take the evidence of all contests as weighed."""
        self._touched = set()

"""Messages with several open words at once: no two of their lines differ in one place only.

Among lines of one build (equal punctuation, values at equal places) the words of a message come in
many of them, its values in few. What is left when rare words are taken out shows the crowd.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping

from vigil.logs.pattern import Pattern
from vigil.logs.shape import Shape

# A crowd is so many patterns; a word in less than this share of those of its build is rare.
CROWD = 10
RARE_SHARE = 0.05

_Build = tuple[str | None, ...]


class Crowds:
    """Patterns by their build."""

    def __init__(self) -> None:
        self._builds: dict[_Build, set[int]] = defaultdict(set)
        self._touched: set[_Build] = set()

    def add(self, number: int, pattern: Pattern) -> None:
        """Note a pattern."""
        build = _build(pattern.shape)
        self._builds[build].add(number)
        if len(self._builds[build]) >= CROWD:
            self._touched.add(build)

    def remove(self, number: int, pattern: Pattern) -> None:
        """Forget a pattern."""
        build = _build(pattern.shape)
        self._builds[build].discard(number)
        if not self._builds[build]:
            del self._builds[build]

    def decided(self, patterns: Mapping[int, Pattern]) -> list[tuple[list[int], list[int]]]:
        """(places, members) of the crowds in builds that have grown since the last call."""
        touched, self._touched = self._touched, set()
        found = []
        for build in touched:
            members = sorted(self._builds.get(build, ()))
            if len(members) >= CROWD:
                found += _crowds({number: patterns[number].shape for number in members})
        return sorted(found)

    def forget_touched(self) -> None:
        """Take the evidence of all builds as weighed."""
        self._touched = set()


def _build(shape: Shape) -> _Build:
    """The tokens with every word as an empty one."""
    return tuple("" if shape.is_word(at) else token for at, token in enumerate(shape.tokens))


def _crowds(shapes: Mapping[int, Shape]) -> list[tuple[list[int], list[int]]]:
    columns = [Counter(column) for column in zip(*(s.tokens for s in shapes.values()), strict=True)]
    least = max(2, RARE_SHARE * len(shapes))
    crowds: dict[tuple[int, ...], dict[_Build, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, shape in shapes.items():
        words = [at for at in range(len(shape.tokens)) if shape.is_word(at)]
        rare = tuple(at for at in words if columns[at][shape.tokens[at]] < least)
        # What has more values than words says nothing.
        if 2 <= len(rare) <= len(words) - len(rare):
            kept = tuple("" if at in rare else token for at, token in enumerate(shape.tokens))
            crowds[rare][kept].append(number)
    return [
        (list(rare), members)
        for rare, kept in crowds.items()
        for members in kept.values()
        if len(members) >= CROWD
    ]

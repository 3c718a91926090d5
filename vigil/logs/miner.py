"""Templates of log lines, mined as the lines come: memory is bounded, a line is read once.

A batch is lexed and matched by compiled code; only shapes never seen before reach the learning
part, which puts shapes together that differ in values (`vigil.logs.slots`). When templates grow
together the oldest keeps its number, so numbers that were given out stay valid (`resolve`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from vigil.logs.crowds import Crowds
from vigil.logs.lines import Lines
from vigil.logs.pattern import Matcher, Pattern
from vigil.logs.rivals import Rivals
from vigil.logs.shape import PLAIN, Form, Shape, ShapeReader, shape_of

MAX_PATTERNS = 20_000
# Shapes learned before their evidence is weighed; what they teach often covers the rest of a batch.
_LESSON = 2_000
_MOST_FORMS = 64

TEMPLATES = pl.Schema(
    {"number": pl.Int64, "template_id": pl.String, "template": pl.String, "lines": pl.Int64}
)


@dataclass(frozen=True, slots=True)
class _Template:
    """Numbers of the patterns of a template, and how it reads."""

    members: list[int]
    text: str


class TemplateMiner:
    """Gives each line the number of its template, and learns templates from the lines.

    `observe` numbers lines; `settle` weighs the evidence, after which templates may have grown
    together; `resolve` turns numbers given earlier into those of today. A miner holds at most
    `max_patterns` patterns; further shapes go under one template `<*>`.
    """

    def __init__(self, max_patterns: int = MAX_PATTERNS) -> None:
        self.max_patterns = max_patterns
        self._reader = ShapeReader()
        self._ids: list[int] = []
        self._parent: list[int] = []
        self._patterns: dict[int, Pattern] = {}
        self._number_of: dict[int, int] = {}
        self._rivals = Rivals()
        self._crowds = Crowds()
        self._texts: dict[str, int] = {}
        self._outlines: dict[Form, dict[tuple[Form, ...], int]] = {}
        self._matcher = Matcher.of({})
        self._overflow: int | None = None
        # What is known of each template, until the next pattern comes.
        self._templates: dict[int, _Template] = {}

    @property
    def count(self) -> int:
        """How many numbers were given out: the next new template gets this one or a higher."""
        return len(self._ids)

    @property
    def numbers(self) -> dict[str, int]:
        """Template id → number."""
        return {self.identity(number): number for number in range(len(self._ids))}

    def identity(self, number: int) -> str:
        """The template id of a number: `t` and 16 hex digits."""
        return f"t{self._ids[number]:016x}"

    def observe(self, lines: Lines) -> np.ndarray:
        """Template number of each line, int64."""
        numbers = np.full(len(lines), -1, np.int64)
        left = np.arange(len(lines))
        while len(left):
            found, hashes = self._matcher.find(lines.at(left))
            unknown = np.flatnonzero(found < 0)
            shapes, first = np.unique(hashes[unknown], return_index=True)
            lesson = np.argsort(first)[:_LESSON]
            for at in lesson:
                self._learn(lines, int(left[unknown[first[at]]]), int(shapes[at]))
            taught = np.isin(hashes, shapes[lesson]) & (found < 0)
            found[taught] = [self._number_of[int(value)] for value in hashes[taught]]
            known = found >= 0
            numbers[left[known]] = found[known]
            self._count(found[known])
            left = left[~known]
            if len(lesson):
                # More shapes than one lesson: let the first ones teach before going on.
                if len(left):
                    self.settle()
                else:
                    self._matcher = Matcher.of(self._patterns)
        return self.resolve(numbers)

    def _count(self, numbers: np.ndarray) -> None:
        found, counts = np.unique(numbers, return_counts=True)
        for number, count in zip(found.tolist(), counts.tolist(), strict=True):
            self._patterns[number].lines += count

    def _learn(self, lines: Lines, line: int, key: int) -> None:
        """A pattern for the shape of a line."""
        if len(self._patterns) >= self.max_patterns:
            self._number_of[key] = self._overflow_number()
            return
        shape = self._reader.shape(lines.data, int(lines.start[line]), int(lines.end[line]))
        self._add(len(self._ids), Pattern(shape))

    def _overflow_number(self) -> int:
        """The template `<*>` of everything beyond the bound."""
        if self._overflow is None:
            self._overflow = len(self._ids)
            self._add(self._overflow, Pattern(shape_of(b"0")))
        return self._overflow

    def _add(self, number: int, pattern: Pattern) -> None:
        self._templates = {}
        key = pattern.shape.hash()
        if number == len(self._ids):
            self._ids.append(key)
            self._parent.append(number)
        self._patterns[number] = pattern
        self._number_of[key] = number
        self._rivals.add(number, pattern)
        self._crowds.add(number, pattern)
        self._unite_alike(number, pattern)

    def _unite_alike(self, number: int, pattern: Pattern) -> None:
        """Patterns that differ in the form of their values only are one template.

        Lists of several lengths read the same. Where a plain value may stand (`to 10.0.0.7`), a
        word with a value in it (`to LOCAL(0)`) is a value too.
        """
        other = self._texts.setdefault(pattern.shape.text(), number)
        self._unite((number, other))
        frame, forms = pattern.shape.outline()
        if not forms or not any(_is_word(token) for token in frame):
            return
        alike = self._outlines.setdefault(frame, {})
        if len(alike) < _MOST_FORMS:
            alike.setdefault(forms, number)
            for numbers in _same_but_for_plain(alike):
                self._unite(numbers)

    def _unite(self, numbers: Iterable[int]) -> int:
        roots = sorted({self._root(number) for number in numbers})
        for root in roots[1:]:
            self._parent[root] = roots[0]
            self._templates = {}
        return roots[0]

    def _root(self, number: int) -> int:
        while self._parent[number] != number:
            number = self._parent[number]
        return number

    def settle(self) -> None:
        """Weigh the evidence seen since the last call; templates may grow together."""
        while True:
            places = self._rivals.decided(self._patterns)
            several = [] if places else self._crowds.decided(self._patterns)
            if not places and not several:
                break
            for at, members in places:
                self._grow([at], members)
            for crowded, members in several:
                self._grow(crowded, members)
        self._matcher = Matcher.of(self._patterns)

    def _grow(self, places: list[int], members: list[int]) -> None:
        """One pattern with values at some places instead of several with words there."""
        members = [number for number in members if number in self._patterns]
        if len(members) < 2:
            return
        grown = self._patterns[members[0]].shape
        for at in places:
            grown = grown.opened(at)
        there = self._number_of.get(grown.hash())
        if there is not None and there not in members:
            members = [*members, there]
        number = min(members)
        opened = set(places)
        lines = 0
        for member in members:
            pattern = self._patterns.pop(member)
            opened.update(pattern.opened)
            lines += pattern.lines
            self._rivals.remove(member, pattern)
            self._crowds.remove(member, pattern)
            del self._number_of[pattern.shape.hash()]
        self._unite(members)
        self._add(number, Pattern(grown, tuple(sorted(opened)), lines))

    def resolve(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers of today for numbers given earlier, int64."""
        parent = np.array(self._parent, np.int64)
        today = numbers
        while len(today) and not np.array_equal(parent[today], today):
            today = parent[today]
        return today

    def table(self, numbers: Iterable[int] | None = None) -> pl.DataFrame:
        """The templates, or those of these numbers of today, in the order of their patterns.

        Columns: number, template_id (`t` and 16 hex digits), template, lines. The id comes from the
        first line that a template was seen in, so it is the same wherever the same lines are read,
        and stays when the template grows.
        """
        if not self._templates:
            self._templates = self._find_templates()
        wanted = self._templates if numbers is None else dict.fromkeys(numbers)
        return pl.DataFrame(
            [
                (
                    number,
                    self.identity(number),
                    self._templates[number].text,
                    sum(self._patterns[member].lines for member in self._templates[number].members),
                )
                for number in wanted
            ],
            schema=TEMPLATES,
            orient="row",
        )

    def _find_templates(self) -> dict[int, "_Template"]:
        members: dict[int, list[int]] = {}
        for number in self._patterns:
            members.setdefault(self._root(number), []).append(number)
        return {
            root: _Template(some, self._plainest(some).text()) for root, some in members.items()
        }

    def _plainest(self, numbers: list[int]) -> Shape:
        """Of the patterns of a template the one with few tokens and many values speaks for it."""
        shapes = (self._patterns[number].shape for number in numbers)
        return max(shapes, key=lambda shape: (-len(shape.tokens), shape.tokens.count(None)))

    def state(self) -> dict[str, Any]:
        """Everything needed to go on after a restart, as JSON; numbers are given anew then."""
        patterns = [
            {
                "id": f"{self._ids[number]:016x}",
                "template": f"{self._ids[self._root(number)]:016x}",
                "tokens": pattern.shape.tokens,
                "is_mark": pattern.shape.is_mark,
                "glued": pattern.shape.glued,
                "opened": pattern.opened,
                "lines": pattern.lines,
            }
            for number, pattern in sorted(self._patterns.items())
        ]
        overflow = None if self._overflow is None else f"{self._ids[self._overflow]:016x}"
        values = self._rivals.values_after()
        return {"patterns": patterns, "overflow": overflow, "values_after": values}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from `state()`."""
        self._rivals.restore_values(state["values_after"])
        numbers = {saved["id"]: number for number, saved in enumerate(state["patterns"])}
        for saved in state["patterns"]:
            shape = Shape.of_tokens(saved["tokens"], saved["is_mark"], saved["glued"])
            pattern = Pattern(shape, tuple(saved["opened"]), saved["lines"])
            self._ids.append(int(saved["id"], 16))
            self._parent.append(len(self._parent))
            self._add(numbers[saved["id"]], pattern)
        for saved in state["patterns"]:
            self._unite((numbers[saved["id"]], numbers[saved["template"]]))
        self._overflow = numbers.get(state["overflow"])
        self._rivals.forget_touched()
        self._crowds.forget_touched()
        self._matcher = Matcher.of(self._patterns)


def _is_word(token: str | None) -> bool:
    return token is not None and any(letter.isalpha() for letter in token)


def _same_but_for_plain(alike: Mapping[tuple[Form, ...], int]) -> Iterable[list[int]]:
    """Groups of numbers whose forms are equal wherever none of them is a plain value."""
    places = list(zip(*alike, strict=True))
    closed = [at for at, forms in enumerate(places) if PLAIN not in forms]
    groups = defaultdict(list)
    for forms, number in alike.items():
        groups[tuple(forms[at] for at in closed)].append(number)
    return groups.values()

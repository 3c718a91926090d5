"""Where the message of a line begins, learned from the lines themselves.

Nearly every log puts the same fields before its message: instants, host, process, severity, thread,
component. Their order is learned from a sample: the columns of words whose kind (instant, number,
severity, bracket, …) hardly ever changes, and everything between them. After the last of these a
*terminator* may follow, the `: ` or ` - ` after a component's name, when nearly all lines have it
and the names before it are few. No format is known beforehand.
"""

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np

from vigil.logs.alphabet import (
    CLASS,
    CLOSE_SQUARE,
    COLON,
    DASH,
    DAYS,
    DIGIT,
    DOT,
    MONTHS,
    OPEN_SQUARE,
    PIPE,
    SEVERITIES,
    SLASH,
    SPACE,
    among,
    flags,
    word_hash,
    word_set,
)  # fmt: skip
from vigil.logs.compiled import compiled
from vigil.logs.lines import Lines

SAMPLE_LINES = 2_000
MAX_COLUMNS = 14
_LONGEST_BRACKET = 160
_LONGEST_SEVERITY = 11

# What a column of a line can be.
NOTHING, OTHER, NUMBER, INSTANT, CALENDAR, SEVERITY, BRACKET, RULE = range(8)

NO_TERMINATOR = 0

_SEVERITY = word_set(" ".join(SEVERITIES.values()))
_CALENDAR = word_set(f"{MONTHS} {DAYS}")
_TRIMMED = flags(b"<>()[]:,;-|")


@dataclass(frozen=True, slots=True)
class Header:
    """kinds: of the leading columns. terminator: what ends a component after them, within so
    many words. piped: fields are separated by `|`.
    """

    kinds: tuple[int, ...] = ()
    terminator: int = NO_TERMINATOR
    terminator_words: int = 0
    piped: bool = False

    def strip(self, lines: Lines) -> Lines:
        """The messages; a line that lacks the header is kept whole."""
        if not self.kinds:
            return lines
        kinds = np.array(self.kinds, np.uint8)
        start = np.empty(len(lines), np.int64)
        _message_starts(
            lines.data, lines.start, lines.end, kinds, self.terminator, self.terminator_words,
            self.piped, start,
        )  # fmt: skip
        return lines.moved(start)


@compiled
def _word_end(data, at, end, piped):
    """End of the column that begins at `at`; a bracket runs to its partner."""
    first, depth = at, 0
    while at < end:
        byte = data[at]
        if byte == OPEN_SQUARE:
            depth += 1
        elif byte == CLOSE_SQUARE and depth:
            depth -= 1
        elif CLASS[byte] == SPACE or (piped and byte == PIPE):
            inside = depth and data[first] == OPEN_SQUARE
            if not inside or at - first > _LONGEST_BRACKET:
                break
        at += 1
    return at


@compiled
def _skip(data, at, end, piped):
    while at < end and (CLASS[data[at]] == SPACE or (piped and data[at] == PIPE)):
        at += 1
    return at


@compiled
def _kind(data, begin, stop, lowered):
    """What the column `data[begin:stop]` is; lowered: room for a word."""
    if data[begin] == OPEN_SQUARE:
        return BRACKET
    first, after = begin, stop
    while first < after and _TRIMMED[data[first]]:
        first += 1
    while after > first and _TRIMMED[data[after - 1]]:
        after -= 1
    digits, letters, groups, joints = _composition(data, first, after)
    size = after - first
    if digits + letters == 0:
        return RULE
    if digits == size:
        # Seconds or milliseconds since 1970.
        return INSTANT if size in (10, 13) and data[first] == 49 else NUMBER
    if digits == 0:
        return _kind_of_word(data, first, after, lowered)
    # The letters are those of `T`, `Z` and a zone.
    if CLASS[data[first]] == DIGIT and groups >= 2 and letters <= 3 and joints:
        return INSTANT
    return OTHER


@compiled
def _composition(data, begin, stop):
    """(digits, letters, groups of digits, characters that join the parts of instants)."""
    digits, letters, groups, joints, after_digit = 0, 0, 0, 0, False
    for at in range(begin, stop):
        byte = data[at]
        is_digit = CLASS[byte] == DIGIT
        digits += is_digit
        letters += byte >= 128 or 65 <= byte <= 90 or 97 <= byte <= 122
        groups += is_digit and not after_digit
        joints += byte in (COLON, SLASH, DOT, DASH)
        after_digit = is_digit
    return digits, letters, groups, joints


@compiled
def _kind_of_word(data, begin, stop, lowered):
    size = stop - begin
    if size > _LONGEST_SEVERITY:
        return OTHER
    if size == 3 and among(_CALENDAR, word_hash(data, begin, stop)):
        return CALENDAR
    for at in range(size):
        byte = data[begin + at]
        lowered[at] = byte + 32 if 65 <= byte <= 90 else byte
    return SEVERITY if among(_SEVERITY, word_hash(lowered, 0, size)) else OTHER


@compiled
def _columns(data, start, end, piped, kinds, stops):
    """Kind and end of the leading columns of each line; both arrays are (lines, MAX_COLUMNS)."""
    lowered = np.empty(_LONGEST_SEVERITY, np.uint8)
    for line in range(len(start)):
        at = start[line]
        for column in range(MAX_COLUMNS):
            at = _skip(data, at, end[line], piped)
            if at >= end[line]:
                kinds[line, column:] = NOTHING
                stops[line, column:] = end[line]
                break
            after = _word_end(data, at, end[line], piped)
            kinds[line, column] = _kind(data, at, after, lowered)
            stops[line, column] = after
            at = after


@compiled
def _after_terminator(data, at, end, terminator, words):
    """Where the text after the terminator begins; -1 where none comes within `words` words."""
    seen = 0
    while seen < words:
        while at < end and CLASS[data[at]] == SPACE:
            at += 1
        first = at
        while at < end and CLASS[data[at]] != SPACE:
            at += 1
        if first == at:
            return -1
        if terminator == COLON and data[at - 1] == COLON and (at - first > 1 or seen):
            return at
        if terminator == DASH and at - first == 1 and data[first] == DASH and seen:
            return at
        seen += 1
    return -1


@compiled
def _message_starts(data, start, end, kinds, terminator, words, piped, found):
    lowered = np.empty(_LONGEST_SEVERITY, np.uint8)
    for line in range(len(start)):
        at, wrong = start[line], 0
        for column in range(len(kinds)):
            at = _skip(data, at, end[line], piped)
            if at >= end[line]:
                wrong = MAX_COLUMNS
                break
            after = _word_end(data, at, end[line], piped)
            if kinds[column] != OTHER:
                wrong += _kind(data, at, after, lowered) != kinds[column]
            at = after
        # One field may be missing or new; a line without most of them is no line of this log.
        if wrong > 1:
            found[line] = start[line]
            continue
        if terminator != NO_TERMINATOR:
            after = _after_terminator(data, at, end[line], terminator, words)
            at = after if after >= 0 else at
        found[line] = _skip(data, at, end[line], piped)


def learn_header(lines: Lines, steady_share: float = 0.95, terminator_share: float = 0.9) -> Header:
    """The header of the first SAMPLE_LINES lines; an empty one where they have none in common.

    steady_share: of lines that must have the same kind in a column.
    """
    sample = _not_blank(lines.at(slice(SAMPLE_LINES)))
    count = len(sample)
    if count == 0:
        return Header()
    pipes = np.array([sample.text(n)[:100].count("|") for n in range(count)])
    fewest_pipes = int(np.quantile(pipes, 1 - steady_share, method="lower"))
    piped = fewest_pipes >= 2
    kinds = np.empty((count, MAX_COLUMNS), np.uint8)
    stops = np.empty((count, MAX_COLUMNS), np.int64)
    _columns(sample.data, sample.start, sample.end, piped, kinds, stops)
    columns, steady = _leading_columns(kinds, steady_share)
    if piped:
        columns = max(columns, min(fewest_pipes, MAX_COLUMNS))
    if columns == 0:
        return Header()
    rest = sample.moved(stops[:, columns - 1])
    return Header(tuple(steady[:columns]), *_terminator(rest, terminator_share), piped)


def _not_blank(lines: Lines) -> Lines:
    full = np.array([bool(lines.text(n).strip()) for n in range(len(lines))], bool)
    return lines.at(full)


def _leading_columns(kinds: np.ndarray, steady_share: float) -> tuple[int, list[int]]:
    """(how many columns belong to the header, kind of each column, OTHER where it varies).

    The header reaches to the last steady column that is no plain word. A number or a rule such as
    `-` counts beside another such column only, since messages begin with numbers too. More than
    four unsteady columns in a row are a message.
    """
    header, steady = 0, []
    for column in range(kinds.shape[1]):
        counts = np.bincount(kinds[:, column], minlength=RULE + 1)
        if counts[NOTHING] > (1 - steady_share) * len(kinds):
            break
        kind = int(counts.argmax())
        is_steady = counts[kind] >= steady_share * len(kinds)
        steady.append(kind if is_steady else OTHER)
        if is_steady and (
            kind in (INSTANT, CALENDAR, SEVERITY, BRACKET)
            or (kind in (NUMBER, RULE) and header == column)
        ):
            header = column + 1
        elif column - header >= 4:
            break
    return header, steady


def _terminator(rest: Lines, share: float) -> tuple[int, int]:
    """(terminator, words) of the names after the columns: the nearest that nearly all have.

    One word more is granted to the few longer names (`syslogd 1.4.1:` among `sshd:`).
    """
    names = {
        (terminator, words): _names(rest, terminator, words)
        for terminator, most in ((COLON, 5), (DASH, 5))
        for words in range(1, most + 1)
    }
    for (terminator, words), found in names.items():
        if words <= 4 and found.total() >= share * len(rest) and len(found) <= _few(rest):
            longer = names[terminator, words + 1]
            more = longer.total() > found.total() and len(longer) <= _few(rest)
            return terminator, words + more
    return NO_TERMINATOR, 0


def _few(rest: Lines) -> int:
    return max(3, len(rest) // 10)


def _names(rest: Lines, terminator: int, words: int) -> Counter[str]:
    """How often each name stands before the terminator; digits are all alike."""
    names = Counter[str]()
    for line in range(len(rest)):
        begin, end = int(rest.start[line]), int(rest.end[line])
        after = _after_terminator(rest.data, begin, end, terminator, words)
        if after >= 0:
            name = rest.data[begin:after].tobytes().decode(errors="replace")
            names[re.sub(r"\d+", "0", name)] += 1
    return names

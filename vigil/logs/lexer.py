"""Lines to tokens: words and punctuation stay, values of general shape become placeholders.

No expression belongs to any one system. A value is a word with a digit in it (numbers, times,
addresses, hashes, ids), a path, URL or `host.name:port`, a month, day or symbol beside a value,
`true` or `null` after `=` or `:`, what is quoted after `key=`, and the nothing after `key=` and
between empty brackets. A number and its unit are one value, and so are values side by side: lists
of any length look alike.

Cost: one pass over the bytes, about 10 ns a byte.
"""

from typing import NamedTuple

import numpy as np

from vigil.logs.alphabet import (
    AMPERSAT,
    BACKSLASH,
    CLASS,
    COLON,
    DAYS,
    DIGIT,
    DOT,
    DOUBLE_QUOTE,
    EQUALS,
    FNV_PRIME,
    GREATER,
    HASH,
    HEX_LETTER,
    LESS,
    LITERALS,
    LONG_NAMES,
    MONTHS,
    OPEN_CURLY,
    OPEN_ROUND,
    OPEN_SQUARE,
    PUNCTUATION,
    SLASH,
    SPACE,
    SPEAKING_KEYS,
    UNITS,
    among,
    flags,
    word_hash,
    word_set,
)  # fmt: skip
from vigil.logs.compiled import compiled

MAX_TOKENS = 256
_LONGEST_QUOTE = 400
_LONGEST_SPECIAL_WORD = 9

WORD, MARK, VALUE, DEPENDENT = range(4)
VALUE_HASH = np.uint64(0x9E3779B97F4A7C15)

# After these a value is a thing of its own and does not join the value before.
_IS_OPENING = flags(b"=([{<\"'")
# A path ends at these; other punctuation, such as that of a query, is part of it.
_ENDS_PATH = flags(bytes(range(33)) + b"\"'<>()[]{},;|")

_CALENDAR = word_set(f"{MONTHS} {DAYS} {LONG_NAMES}")
_UNITS = word_set(UNITS)
_LITERALS = word_set(LITERALS)
_SPEAKING_KEYS = word_set(SPEAKING_KEYS)


class Tokens(NamedTuple):
    """Room for the tokens of one line, arrays of MAX_TOKENS.

    kind: WORD, MARK or VALUE; begin, stop: bytes; glued: no space before; hashes: uint64.
    """

    kind: np.ndarray
    begin: np.ndarray
    stop: np.ndarray
    glued: np.ndarray
    hashes: np.ndarray


@compiled
def new_tokens():
    """Empty Tokens."""
    return Tokens(
        np.empty(MAX_TOKENS, np.uint8),
        np.empty(MAX_TOKENS, np.int64),
        np.empty(MAX_TOKENS, np.int64),
        np.empty(MAX_TOKENS, np.bool_),
        np.empty(MAX_TOKENS, np.uint64),
    )


@compiled
def lex_line(data, start, end, tokens):
    """Fill `tokens` from one line and return how many there are; a line of more is cut."""
    count, at, touching = 0, start, False
    while at < end and count < MAX_TOKENS - 3:
        what = CLASS[data[at]]
        if what == SPACE:
            touching = False
            at += 1
            continue
        after = _special_value_end(data, at, end)
        if after > 0:
            count = _add_value(data, tokens, count, at, after, touching)
        elif what == PUNCTUATION:
            after = at + 1
            if touching or not _is_sign(data, at, end):
                count, after = _add_mark(data, tokens, count, at, end, touching)
            else:
                # The sign belongs to the value that follows.
                at = after
                continue
        else:
            count, after = _add_word(data, tokens, count, at, end, touching)
        at = after
        touching = True
    return _settle_dependents(tokens, count)


@compiled
def _special_value_end(data, at, end):
    """End of the path or the colon-joined address that begins at `at`; -1 where none does."""
    if data[at] == SLASH:
        if at + 1 < end and CLASS[data[at + 1]] >= DIGIT and data[at + 1] != SLASH:
            return _path_end(data, at, end)
        return -1
    after, colons, digits, size = at, 0, False, 0
    while after < end and (CLASS[data[after]] in (DIGIT, HEX_LETTER) or data[after] == COLON):
        if data[after] == COLON:
            colons += 1
            size = 0
        else:
            digits |= CLASS[data[after]] == DIGIT
            size += 1
        if size > 4:
            return -1
        after += 1
    if colons < 2 or not digits or size == 0 or (after < end and CLASS[data[after]] >= DIGIT):
        return -1
    return after


@compiled
def _path_end(data, at, end):
    while at < end and not _ENDS_PATH[data[at]]:
        at += 1
    return at


@compiled
def _is_sign(data, at, end):
    """Whether the mark at `at` belongs to the value after it: `#5`, `@0x7fed`, `<1 sec`."""
    byte = data[at]
    if byte not in (HASH, AMPERSAT, LESS, GREATER):
        return False
    digits, after = False, at + 1
    while after < end and CLASS[data[after]] >= DIGIT:
        digits |= CLASS[data[after]] == DIGIT
        after += 1
    if byte in (LESS, GREATER):
        begins = at + 1 < end and CLASS[data[at + 1]] == DIGIT
        return begins and not (after < end and data[after] == GREATER)
    return digits


@compiled
def _add(tokens, count, kind, begin, stop, touching, hashed):
    tokens.kind[count] = kind
    tokens.begin[count] = begin
    tokens.stop[count] = stop
    tokens.glued[count] = touching
    tokens.hashes[count] = hashed
    return count + 1


@compiled
def _add_value(data, tokens, count, begin, stop, touching):
    """Append a value, or let it join the one before: `<*> <*>`, `<*>:<*>`, `<*>##<*>`."""
    if count >= 1 and tokens.kind[count - 1] == VALUE:
        tokens.stop[count - 1] = stop
        return count
    back = count - 1
    while touching and back > 0 and count - back <= 2:
        joins = tokens.kind[back] == MARK and tokens.glued[back]
        if not joins or _IS_OPENING[data[tokens.begin[back]]]:
            break
        if tokens.kind[back - 1] == VALUE:
            tokens.stop[back - 1] = stop
            return back
        back -= 1
    return _add(tokens, count, VALUE, begin, stop, touching, VALUE_HASH)


@compiled
def _add_mark(data, tokens, count, at, end, touching):
    """Append punctuation, and the value that it implies where it holds nothing or a quotation."""
    byte = data[at]
    after = at + 1
    count = _add(tokens, count, MARK, at, after, touching, np.uint64(byte) * FNV_PRIME)
    following = data[after] if after < end else np.uint8(32)
    if byte == EQUALS and touching:
        quoted = following == DOUBLE_QUOTE and not among(_SPEAKING_KEYS, tokens.hashes[count - 2])
        closed = _quote_end(data, after + 1, end) if quoted else -1
        if closed > 0:
            return _add_value(data, tokens, count, after, closed, True), closed
        nothing = CLASS[following] == SPACE
    elif byte in (OPEN_ROUND, OPEN_SQUARE, OPEN_CURLY):
        # `init()` is the name of a function.
        nothing = not touching and following == byte + (1 if byte == OPEN_ROUND else 2)
    else:
        nothing = byte == DOUBLE_QUOTE and following == DOUBLE_QUOTE
    if nothing:
        count = _add_value(data, tokens, count, after, after, True)
    return count, after


@compiled
def _quote_end(data, at, end):
    """Just after the quote that closes the one before `at`; -1 where none does."""
    last = min(end, at + _LONGEST_QUOTE)
    while at < last:
        if data[at] == BACKSLASH:
            at += 1
        elif data[at] == DOUBLE_QUOTE:
            return at + 1
        at += 1
    return -1


@compiled
def _add_word(data, tokens, count, at, end, touching):
    """Append the word that begins at `at`, and the dot of a sentence that ends with it."""
    after, has_digit = at, False
    while after < end and CLASS[data[after]] >= DIGIT:
        has_digit |= CLASS[data[after]] == DIGIT
        after += 1
    if after + 2 < end and data[after] == COLON:
        if data[after + 1] == SLASH and data[after + 2] == SLASH:
            has_digit = True
            after = _path_end(data, after, end)
        elif _is_dotted(data, at, after) and CLASS[data[after + 1]] == DIGIT:
            has_digit = True
            after += 1
            while after < end and CLASS[data[after]] == DIGIT:
                after += 1
    stop = after
    while stop > at + 1 and data[stop - 1] == DOT:
        stop -= 1
    if data[at] == DOT and stop == at + 1:
        return _add(tokens, count, MARK, at, stop, touching, np.uint64(DOT) * FNV_PRIME), after
    stands_alone = not touching and (after == end or CLASS[data[after]] == SPACE)
    if has_digit:
        count = _add_value(data, tokens, count, at, stop, touching)
    else:
        count = _add_plain_word(data, tokens, count, at, stop, touching, stands_alone)
    if stop < after:
        count = _add(tokens, count, MARK, stop, stop + 1, True, np.uint64(DOT) * FNV_PRIME)
    return count, after


@compiled
def _is_dotted(data, begin, stop):
    """Whether a name has a dot inside, like that of a host."""
    return np.any(data[begin + 1 : stop - 1] == DOT)


@compiled
def _add_plain_word(data, tokens, count, begin, stop, touching, stands_alone):
    """Append a word without digits; units and literals are values, months and days may be."""
    hashed = word_hash(data, begin, stop)
    kind = WORD
    if count >= 1 and stop - begin <= _LONGEST_SPECIAL_WORD:
        last = count - 1
        if tokens.kind[last] == VALUE and among(_UNITS, hashed):
            tokens.stop[last] = stop
            return count
        assigned = tokens.kind[last] == MARK and data[tokens.begin[last]] in (EQUALS, COLON)
        # In `done= false` nothing seemed to follow the mark.
        seemed = tokens.kind[last] == VALUE and tokens.begin[last] == tokens.stop[last]
        if (assigned or seemed) and among(_LITERALS, hashed):
            return _add_value(data, tokens, count, begin, stop, touching)
    if 3 <= stop - begin <= _LONGEST_SPECIAL_WORD and among(_CALENDAR, hashed):
        kind = DEPENDENT
    if stands_alone and _is_symbol(data, begin, stop):
        kind = DEPENDENT
    return _add(tokens, count, kind, begin, stop, touching, hashed)


@compiled
def _is_symbol(data, begin, stop):
    """Whether a word has neither letter nor digit: `-`, `****`."""
    for at in range(begin, stop):
        byte = data[at]
        if byte >= 128 or 65 <= byte <= 90 or 97 <= byte <= 122:
            return False
    return True


@compiled
def _settle_dependents(tokens, count):
    """Months, days and symbols beside a value are part of it; elsewhere they are words (`May`)."""
    found = False
    for at in range(count - 1, -1, -1):
        if tokens.kind[at] == DEPENDENT:
            found = True
            if at + 1 < count and tokens.kind[at + 1] == VALUE:
                tokens.kind[at] = VALUE
    if not found:
        return count
    kept = 0
    for at in range(count):
        after_value = kept > 0 and tokens.kind[kept - 1] == VALUE
        kind = tokens.kind[at]
        if kind == DEPENDENT:
            kind = VALUE if after_value else WORD
        if kind == VALUE and after_value:
            tokens.stop[kept - 1] = tokens.stop[at]
            continue
        hashed = VALUE_HASH if kind == VALUE else tokens.hashes[at]
        kept = _add(tokens, kept, kind, tokens.begin[at], tokens.stop[at], tokens.glued[at], hashed)
    return kept

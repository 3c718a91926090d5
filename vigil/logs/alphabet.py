"""What the lexer knows of bytes and words: classes, hashes and small general vocabularies."""

import numpy as np

from vigil.logs.compiled import compiled

SPACE, PUNCTUATION, DIGIT, HEX_LETTER, OTHER = range(5)

_PUNCTUATION = b"=,;:()[]{}<>|\"'#@&?!"
DOUBLE_QUOTE, HASH, AMPERSAT, COLON, EQUALS = b'"#@:='
LESS, GREATER, SLASH, DOT, DASH, PIPE, BACKSLASH = b"<>/.-|\\"
OPEN_ROUND, OPEN_SQUARE, CLOSE_SQUARE, OPEN_CURLY = b"([]{"

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec"
DAYS = "Mon Tue Wed Thu Fri Sat Sun"
LONG_NAMES = (
    "January February March April June July August September October November December "
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
)
UNITS = (
    "B KB MB GB TB PB kB KiB MiB GiB TiB bps Kbps Mbps Gbps Hz kHz KHz MHz GHz "
    "ns us ms s sec secs second seconds min mins minute minutes hour hours hr hrs day days"
)
LITERALS = "true false null nil none undefined True False None Null NULL TRUE FALSE NaN Nil"
# Keys whose quoted text is the message itself.
SPEAKING_KEYS = "msg message event err error reason log text description detail"
SEVERITIES = {
    "TRACE": "trace verbose finest finer v",
    "DEBUG": "debug fine d",
    "INFO": "info information notice log config i",
    "WARN": "warn warning w",
    "ERROR": "error err severe failure e",
    "FATAL": "fatal crit critical alert emerg emergency panic f",
}

_FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
_MIX = np.uint64(0xD6E8FEB86659FD93)


def _byte_classes() -> np.ndarray:
    classes = np.full(256, OTHER, np.uint8)
    classes[:33] = SPACE
    classes[list(_PUNCTUATION)] = PUNCTUATION
    classes[list(b"0123456789")] = DIGIT
    classes[list(b"abcdefABCDEF")] = HEX_LETTER
    return classes


def flags(characters: bytes) -> np.ndarray:
    """bool (256,): whether a byte is one of these."""
    found = np.zeros(256, np.bool_)
    found[list(characters)] = True
    return found


CLASS = _byte_classes()


@compiled
def word_hash(data, begin, stop):
    """64-bit hash of some bytes (FNV-1a with a final mix)."""
    value = _FNV_OFFSET
    for at in range(begin, stop):
        value = (value ^ np.uint64(data[at])) * FNV_PRIME
    value ^= value >> np.uint64(32)
    value *= _MIX
    return value ^ (value >> np.uint64(29))


@compiled
def among(sorted_hashes, value):
    """Whether a sorted array holds the value."""
    at = np.searchsorted(sorted_hashes, value)
    return at < len(sorted_hashes) and sorted_hashes[at] == value


def hash_of(word: str) -> np.uint64:
    """`word_hash` of a text."""
    data = np.frombuffer(word.encode(), np.uint8)
    return np.uint64(word_hash(data, 0, len(data)))


def mark_hash(mark: str) -> np.uint64:
    """The hash of a character of punctuation."""
    return np.uint64(ord(mark) * int(FNV_PRIME) % 2**64)


def word_set(words: str) -> np.ndarray:
    """Sorted hashes of words, for `among`."""
    return np.sort(np.array([hash_of(word) for word in words.split()], np.uint64))

"""How grave a line is: the six classes of OpenTelemetry, from whatever a logger calls them."""

import polars as pl

from vigil.logs.alphabet import SEVERITIES

CLASSES = tuple(SEVERITIES)
# OpenTelemetry's severity numbers come in fours; the first of each class stands for it.
NUMBERS = {name: 4 * place + 1 for place, name in enumerate(CLASSES)}
ERROR_NUMBER = NUMBERS["ERROR"]

# Numbers that loggers use: syslog's 0 to 7, and those of pino and bunyan.
_BY_NUMBER = {
    **dict.fromkeys("012", "FATAL"), "3": "ERROR", "4": "WARN", **dict.fromkeys("56", "INFO"),
    "7": "DEBUG", "10": "TRACE", "20": "DEBUG", "30": "INFO", "40": "WARN", "50": "ERROR",
    "60": "FATAL",
}  # fmt: skip
_BY_NAME = {word: name for name, words in SEVERITIES.items() for word in words.split()}
_CLASS_OF = _BY_NAME | _BY_NUMBER

# OpenTelemetry numbers the steps within a class: `ERROR2`.
_STEP = r"^([a-z]{2,})[1-4]$"

_HEAD_CHARACTERS = 120
_WORDS = (
    "TRACE|VERBOSE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|ERR|SEVERE|FATAL|CRIT(?:ICAL)?|ALERT"
    "|EMERG(?:ENCY)?|PANIC"
)
# In the order of trust: in brackets, whatever the case; glog's letter and date; a word in capitals.
_IN_TEXT = (
    rf"(?i)[\[<(]\s*({_WORDS})\s*[\])>]",
    r"^([IWEF])\d{4} \d",
    rf"(?:^|[^\w.\-/])({_WORDS})(?:$|[^\w\-/])",
)
_SYSLOG_PRIORITY = r"^<(\d{1,3})>"


def severity_class(given: pl.Series) -> pl.Series:
    """One of CLASSES for each name or number of a severity; null where it is none.

    >>> severity_class(pl.Series(["warning", "E", "50", "ERROR2", "42", None])).to_list()
    ['WARN', 'ERROR', 'ERROR', 'ERROR', None, None]
    """
    plain = given.str.strip_chars().str.to_lowercase().str.replace(_STEP, "${1}")
    return plain.replace_strict(_CLASS_OF, default=None, return_dtype=pl.String)


def severity_number(classes: pl.Series) -> pl.Series:
    """OpenTelemetry's number of each class, int16; null stays."""
    return classes.replace_strict(NUMBERS, default=None, return_dtype=pl.Int16)


def severity_in_text(lines: pl.Series) -> pl.Series:
    """One of CLASSES for each line that names its severity near its beginning, else null.

    >>> severity_in_text(pl.Series(["2026-03-02 [error] no upstream", "all errors"])).to_list()
    ['ERROR', None]
    """
    head = lines.str.head(_HEAD_CHARACTERS)
    found = pl.select(pl.coalesce(head.str.extract(pattern) for pattern in _IN_TEXT)).to_series()
    named = severity_class(found)
    priority = head.str.extract(_SYSLOG_PRIORITY).cast(pl.Int64) % 8
    return pl.select(pl.coalesce(named, severity_class(priority.cast(pl.String)))).to_series()

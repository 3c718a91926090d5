"""Words of log lines, and questions about them: the same in every store.

A word is letters and digits; everything else is between words, so `read_timeout=30` is three of
them. Each store indexes the words made here and cuts no text itself: a line is found in one store
exactly when it is found in another.
"""

import re
from dataclasses import dataclass

import polars as pl

LONGEST_WORD = 128

_BETWEEN = r"[^\p{L}\p{N}]+"
_TERM = re.compile(r'(-?)"([^"]*)"(\*?)|(\S+)')


def words_of(texts: pl.Series) -> pl.Series:
    """The words of each text, list of lower-case strings.

    >>> words_of(pl.Series(["Cart#7: read_timeout=30"])).to_list()
    [['cart', '7', 'read', 'timeout', '30']]
    """
    spaced = texts.str.to_lowercase().str.replace_all(_BETWEEN, " ").str.strip_chars(" ")
    return spaced.str.split(" ").list.eval(
        pl.element().filter(pl.element() != "").str.head(LONGEST_WORD)
    )


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand side by side. excluded: they must not; open: the last may go on."""

    words: tuple[str, ...]
    excluded: bool = False
    open: bool = False


def parse_query(text: str) -> tuple[Phrase, ...]:
    """What a line must hold: all terms; `-term` not; `"several words"` in a row; `begin*`.

    >>> parse_query('refused -healthz "card of" pay*')[1:]  # doctest: +NORMALIZE_WHITESPACE
    (Phrase(words=('healthz',), excluded=True, open=False),
     Phrase(words=('card', 'of'), excluded=False, open=False),
     Phrase(words=('pay',), excluded=False, open=True))
    """
    phrases = []
    for minus, quoted, star, plain in _TERM.findall(text):
        excluded = bool(minus) or (plain.startswith("-") and len(plain) > 1)
        words = words_of(pl.Series([quoted or plain])).to_list()[0]
        if words:
            phrases.append(Phrase(tuple(words), excluded, bool(star) or plain.endswith("*")))
    return tuple(phrases)

"""Words and questions are the same for every store."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.logs.words import LONGEST_WORD, Phrase, parse_query, words_of


def test_a_word_is_letters_and_digits():
    """Everything else is between words; long ones are cut."""
    texts = ["", "GET /api/v1?x=1", "Zahlung–Überfällig «é»", "--- ***", "x" * 500]
    assert words_of(pl.Series(texts)).to_list() == [
        [], ["get", "api", "v1", "x", "1"], ["zahlung", "überfällig", "é"], [],
        ["x" * LONGEST_WORD],
    ]  # fmt: skip


def test_questions_have_words_phrases_exclusions_and_beginnings():
    """As in other search boxes."""
    assert parse_query('refused "card of" -health -"of bob" tim* read_timeout=30 - ""') == (
        Phrase(("refused",)),
        Phrase(("card", "of")),
        Phrase(("health",), excluded=True),
        Phrase(("of", "bob"), excluded=True),
        Phrase(("tim",), open=True),
        Phrase(("read", "timeout", "30")),
    )


@given(st.text(max_size=200))
def test_any_text_is_a_question(text):
    """None has an empty phrase, and no word needs quoting."""
    for phrase in parse_query(text):
        assert phrase.words
        assert all(word.isalnum() or not word.isascii() for word in phrase.words)

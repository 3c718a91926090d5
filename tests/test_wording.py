"""Numbers in sentences agree with their nouns."""

import pytest

from vigil.wording import counted


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "0 windows"),
        (1, "1 window"),
        (1.0, "1 window"),
        (2, "2 windows"),
        (9999, "9,999 windows"),
    ],
)
def test_only_one_is_singular(number, said):
    """As people say it, with thousands apart."""
    assert counted(number, "window") == said

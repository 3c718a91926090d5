"""Rows of names get ids: the same names the same id, other names another."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.events.schema import stable_id
from vigil.windows.keys import KeyIndex

COLUMNS = ("service", "route", "method")
# Few names, so that the same come again, and in other columns too.
names = st.sampled_from([None, "", "a", "b", "a longer one than fits into a view"])
rows = st.lists(st.tuples(*[names] * len(COLUMNS)), max_size=30)


@given(rows, st.integers(0, 30))
def test_an_id_is_the_stable_id_of_the_names(given_rows, cut):
    """Whatever has been met before, and in whatever order."""
    index = KeyIndex(COLUMNS, "id")
    schema = dict.fromkeys(COLUMNS, pl.String)
    frames = [
        pl.DataFrame(part, schema=schema, orient="row")
        for part in (given_rows[:cut], given_rows[cut:])
    ]
    found = [at for frame in frames for at in index.assign(frame)["id"]]
    assert found == [stable_id(row) for row in given_rows]
    assert len(index.take_added()) == len(set(given_rows))

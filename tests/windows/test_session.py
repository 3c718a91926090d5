"""Sessions: batch and stream agree, in any order; a late event joins what it lies between."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.windows.session import close_sessions, merge_sessions, session_schema, sessions_of

GAP = 30
events = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 1_000)), min_size=1, max_size=60)


def frame(rows: list[tuple[int, int]]) -> pl.DataFrame:
    """(journey, time) as records."""
    return pl.DataFrame(rows, schema={"journey": pl.Int64, "time_us": pl.Int64}, orient="row")


def sessions(rows: list[tuple[int, int]]) -> pl.DataFrame:
    """Of all rows at once."""
    return sessions_of(frame(rows), "journey", GAP)


def one_by_one(rows: list[tuple[int, int]]) -> list[tuple]:
    """As a reader without columns would do it."""
    found: list[list[int]] = []
    for journey, at in sorted(rows):
        if found and found[-1][0] == journey and at - found[-1][2] <= GAP:
            found[-1][2], found[-1][3] = at, found[-1][3] + 1
        else:
            found.append([journey, at, at, 1])
    return [tuple(row) for row in found]


@given(events)
def test_a_session_ends_where_a_pause_is_longer_than_the_gap(rows):
    """No event is lost or in two sessions."""
    assert sessions(rows).rows() == one_by_one(rows)


@given(events, st.integers(1, 7), st.randoms(use_true_random=False))
def test_sessions_of_parts_merge_to_those_of_the_whole(rows, size, random):
    """However the events are cut, and in whatever order they come."""
    expected = sessions(rows)
    random.shuffle(rows)
    state = pl.DataFrame(schema=session_schema("journey"))
    for start in range(0, len(rows), size):
        part = sessions(rows[start : start + size])
        state = merge_sessions(pl.concat([state, part]), "journey", GAP)
    assert state.equals(expected)


@given(events)
def test_a_closed_session_is_never_joined_by_an_event_on_time(rows):
    """Events at or after the watermark are further away than the gap."""
    watermark = 500
    early = [row for row in rows if row[1] < watermark]
    closed, still_open = close_sessions(sessions(early) if early else sessions(rows).clear(),
                                        watermark, GAP)  # fmt: skip
    on_time = sessions_of(frame([row for row in rows if row[1] >= watermark]), "journey", GAP)
    rest = merge_sessions(pl.concat([still_open, on_time]), "journey", GAP)
    assert pl.concat([closed, rest]).sort("journey", "first_us").equals(sessions(rows))

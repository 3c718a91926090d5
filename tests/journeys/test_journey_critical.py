"""The critical path: which span a request was waiting for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_journey_links import spans

from vigil.journeys.critical import with_critical_time
from vigil.journeys.links import link_spans


def critical_ms(rows: list[tuple[str, str | None, float, float]]) -> list[float]:
    """Critical time of each span, in the order of the rows."""
    return with_critical_time(link_spans(spans(rows)))["critical_ms"].to_list()


def test_calls_one_after_the_other_are_all_waited_for():
    """The parent keeps what lies between them."""
    assert critical_ms([("a", None, 0, 10), ("b", "a", 1, 3), ("c", "a", 5, 4)]) == [3, 3, 4]


def test_of_calls_at_once_the_last_to_end_is_waited_for():
    """The other could be slower by much and nobody would notice."""
    assert critical_ms([("a", None, 0, 10), ("b", "a", 1, 4), ("c", "a", 1, 8)]) == [2, 0, 8]


def test_what_goes_on_after_the_answer_is_not_waited_for():
    """A child counts up to its parent's end."""
    assert critical_ms([("a", None, 0, 10), ("b", "a", 6, 50)]) == [6, 4]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 60), st.integers(0, 60)), max_size=12)
)
def test_critical_times_add_up_to_the_root_s_duration(children):
    """For any tree of spans, however they overlap or stick out."""
    rows = [("s0", None, 0.0, 50.0)]
    for number, (parent, begin, length) in enumerate(children, start=1):
        rows.append((f"s{number}", f"s{parent % number}", float(begin), float(length)))
    times = critical_ms(rows)
    assert sum(times) == pytest.approx(50)
    assert min(times) >= 0

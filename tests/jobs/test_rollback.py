"""A champion whose p-values do not hold goes by itself; an incident is no reason."""

import pytest

from sensors.rollback import judge


@pytest.mark.parametrize(
    ("counts", "broken"),
    [
        ([(1_000, 10)] * 8, False),
        ([(1_000, 10)] * 7 + [(1_000, 400)], False),
        ([(1_000, 10)] * 5 + [(1_000, 60)] * 3, True),
        ([(1_000, 60)] * 3, False),
        ([(50, 40)] * 20, False),
        ([], False),
    ],
    ids=["as asked", "one incident", "many series", "too few series", "too few windows", "none"],
)
def test_many_miscalibrated_series_are_needed(counts, broken):
    """More than a quarter of at least four series, each with a hundred windows."""
    assert judge(counts)[0] is broken


def test_the_reason_has_the_numbers():
    """For the history of promotions."""
    assert judge([(1_000, 60)] * 4)[1] == "100% of 4 series exceed 3 times the asked 1%"

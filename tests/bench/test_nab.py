"""NAB's scoring: known values by hand, and properties that hold for every run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.bench.nab import NabFile, nab_score, read_corpus
from vigil.errors import InputError

STANDARD = {"tpWeight": 1.0, "fpWeight": 0.11, "fnWeight": 1.0, "tnWeight": 1.0}
ROWS, FIRST, LAST = 400, 200, 239
FILE = NabFile("f", np.arange(ROWS) * 300.0, np.zeros(ROWS), [(FIRST, LAST)])


def detections(*rows: int) -> list[np.ndarray]:
    """Score 1 at those rows, 0 elsewhere."""
    scores = np.zeros(ROWS)
    scores[list(rows)] = 1.0
    return [scores]


def test_the_earliest_possible_detection_is_worth_everything():
    """At the window's first row, and nothing else: 100."""
    assert nab_score([FILE], detections(FIRST), STANDARD) == pytest.approx(100.0, abs=0.01)


def test_detecting_nothing_is_zero():
    """A constant score has no useful threshold."""
    assert nab_score([FILE], [np.zeros(ROWS)], STANDARD) == 0.0


def test_a_late_detection_is_worth_less_but_more_than_none():
    """The weight falls along the window."""
    scores = [nab_score([FILE], detections(row), STANDARD) for row in (FIRST, 220, 235, LAST)]
    assert scores == sorted(scores, reverse=True)
    # One row before the end, the window's relative position is -1/40.
    last = 2 / (1 + np.exp(5 * -1 / 40)) - 1
    best = 2 / (1 + np.exp(-5)) - 1
    assert scores[-1] == pytest.approx(100 * (last / best + 1) / 2, abs=0.01)


def test_a_false_alarm_before_any_window_costs_its_full_weight():
    """-0.11 of a possible 2."""
    assert nab_score([FILE], detections(FIRST, 100), STANDARD) == pytest.approx(100 - 5.5, abs=0.01)


def test_the_probation_is_not_judged():
    """The first 15 % are for learning."""
    assert nab_score([FILE], detections(FIRST, 10, 20, 59), STANDARD) == pytest.approx(
        100, abs=0.01
    )


@given(st.lists(st.integers(60, ROWS - 1), max_size=20))
def test_no_run_is_worth_more_than_perfect_or_less_than_nothing(rows):
    """The best threshold may always be above everything."""
    assert 0 <= nab_score([FILE], detections(*rows), STANDARD) <= 100.001


def test_a_folder_without_labels_is_refused(tmp_path):
    """With its path."""
    with pytest.raises(InputError, match="is not a copy of NAB"):
        read_corpus(tmp_path)

"""The ensemble: calibrated members, the same scores by any cut, weights out of examples."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.detect.ensemble import (
    COMBINATIONS,
    EQUAL,
    MEMBERS,
    Ensemble,
    Weights,
    combine,
    learn_weights,
    pooled,
)
from vigil.errors import InputError


def busy_day(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(time_s, value) of 600 minutes with a gap and a spike."""
    value = 50 + np.random.default_rng(seed).normal(0, 1, 600)
    value[300:310], value[500] = np.nan, 90
    return 1_772_409_600.0 + 60 * np.arange(600), value


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(0, 600), max_size=6))
def test_any_cut_gives_the_same_scores(cuts):
    """Batch and online are one."""
    time_s, value = busy_day()
    whole = Ensemble().update(time_s, value)
    edges = [0, *sorted(cuts), 600]
    ensemble = Ensemble()
    parts = [ensemble.update(time_s[a:b], value[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("combination", COMBINATIONS)
def test_a_spike_is_strangest_by_every_combination(combination):
    """Finite everywhere, the largest where the spike is."""
    score = Ensemble(Weights(combination, EQUAL.weights)).update(*busy_day())
    assert np.isfinite(score).all()
    assert score[60:].argmax() + 60 in (500, 501)


def test_members_p_values_are_what_they_say():
    """On noise as many are below one in twenty as there should be, within a factor of two."""
    value = np.random.default_rng(1).normal(0, 1, 6_000)
    p = Ensemble().members(60.0 * np.arange(6_000), value)[1_000:]
    shares = dict(zip(MEMBERS, (p <= 0.05).mean(axis=0), strict=True))
    assert all(0.025 < share < 0.1 for share in shares.values()), shares


@pytest.mark.parametrize("combination", COMBINATIONS)
@given(st.integers(0, len(MEMBERS) - 1), st.floats(1e-6, 0.9))
def test_less_p_of_a_member_is_never_less_strange(combination, member, p):
    """Whatever the weights, which only say how much."""
    row = np.full((2, len(MEMBERS)), 0.5)
    row[:, member] = p, p / 2
    before, after = combine(row, Weights(combination, EQUAL.weights))
    assert after >= before


def test_the_member_that_knows_gets_the_weight():
    """One sees the anomalies, the others see noise."""
    rng = np.random.default_rng(2)
    labels = rng.random(3_000) < 0.1
    p = rng.uniform(0, 1, (3_000, len(MEMBERS)))
    p[labels, 1] **= 6
    weights = learn_weights(p, labels)
    assert weights.weights[1] > 0.8
    assert sum(weights.weights) == pytest.approx(1)


def test_nothing_to_learn_from_gives_equal_weights():
    """No examples, or of one class only."""
    p = np.full((10, len(MEMBERS)), 0.5)
    assert pooled([]) == EQUAL
    assert learn_weights(p, np.zeros(10, bool)) == learn_weights(p, np.ones(10, bool)) == EQUAL


def test_weights_are_kept_as_a_document():
    """There and back; what does not fit is refused."""
    weights = Weights("harmonic", (0.4, 0.3, 0.2, 0.1))
    document = weights.document()
    assert Weights.from_document(document) == weights
    with pytest.raises(InputError, match="combination must be one of"):
        Weights.from_document({**document, "combination": "mean"})
    with pytest.raises(InputError, match="members must be"):
        Weights.from_document({**document, "weights": {"shape": 1.0}})

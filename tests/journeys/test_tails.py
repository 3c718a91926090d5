"""The tail of the beta-binomial."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from vigil.journeys.tails import beta_binomial_tail


@settings(deadline=None)
@given(
    st.integers(1, 800).flatmap(lambda n: st.tuples(st.integers(1, n), st.just(n))),
    st.floats(0.01, 50),
    st.floats(0.01, 50),
)
def test_the_tail_is_that_of_scipy(counts, alpha, beta):
    """The same number, whatever the counts and the shape."""
    seen, trials = counts
    found = beta_binomial_tail(*(np.array([x]) for x in (seen, trials, alpha, beta)))
    assert found[0] == pytest.approx(betabinom.sf(seen - 1, trials, alpha, beta), abs=1e-7)

"""Online conformal p-values: exact in the long run, quick to forget where the past is wrong."""

import numpy as np

from vigil.detect.calibration import SHARES, START, learn, p_value


def followed(evidence: np.ndarray) -> np.ndarray:
    """The quantiles after all of it, with a memory of 3,000 steps."""
    quantiles = START.copy()
    for number, value in enumerate(evidence):
        learn(value, max(0.5 / (number + 20), 1 / 3_000), 1.0, quantiles)
    return quantiles


def test_p_falls_with_evidence_and_stays_in_its_range():
    """From one at no evidence to almost zero; without jumps at the quantiles."""
    p = np.array([p_value(evidence, START) for evidence in np.linspace(0, 60, 2_000)])
    assert p[0] == 1.0
    assert (np.diff(p) < 0).all()
    assert p[-1] > 0
    assert np.diff(np.log(p)).min() > -0.1


def test_quantiles_are_found_whatever_the_distribution():
    """Uniform or exponential: the share beyond is the one asked for, within a factor of two."""
    rng = np.random.default_rng(0)
    for sample in (rng.uniform(0, 5, 30_000), rng.exponential(1, 30_000)):
        quantiles = followed(sample)
        for level, share in enumerate(SHARES[:4]):
            assert 0.5 < (sample > quantiles[level]).mean() / share < 2


def test_a_calmer_series_is_forgotten_sooner_than_its_memory():
    """Evidence a fifth as large: after 1,500 steps the quantile of 3 % is near the new one."""
    rng = np.random.default_rng(1)
    before, after = 5 * rng.exponential(1, 6_000), rng.exponential(1, 1_500)
    quantiles = followed(np.concatenate([before, after]))
    assert quantiles[2] < 2 * np.quantile(after, 0.97)

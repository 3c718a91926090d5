"""The tail of the beta-binomial distribution, without SciPy.

Its import takes a quarter of the time that `vigil rca` has; what is needed of it is in `math`.
"""

import math

import numpy as np

_log_gamma = np.vectorize(math.lgamma, otypes=[float])
# Terms below this part of the sum no longer matter.
_NEGLIGIBLE = 1e-9


def beta_binomial_tail(
    seen: np.ndarray, trials: np.ndarray, alpha: np.ndarray, beta: np.ndarray
) -> np.ndarray:
    """P(at least `seen` of `trials`) where the share is Beta(alpha, beta); elementwise, (n,).

    Sums the probabilities from `seen` upwards, each from the one before, until all are negligible.

    >>> bool(abs(beta_binomial_tail(*np.array([[1.0], [2.0], [1.0], [1.0]]))[0] - 2 / 3) < 1e-12)
    True
    """
    k, n = np.asarray(seen, float), np.asarray(trials, float)
    possible = k <= n
    choose = _log_gamma(n + 1) - _log_gamma(k + 1) - _log_gamma(np.where(possible, n - k, 0) + 1)
    inside = _log_beta(k + alpha, np.where(possible, n - k, 0) + beta) - _log_beta(alpha, beta)
    term = np.where(possible, np.exp(choose + inside), 0.0)
    total = np.zeros_like(term)
    while (term > _NEGLIGIBLE * total).any():
        total = total + term
        term = (
            term
            * np.clip(n - k, 0, None)
            * (k + alpha)
            / ((k + 1) * (n - k - 1 + beta).clip(1e-12))
        )
        k = k + 1
    return np.minimum(total, 1.0)


def _log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)

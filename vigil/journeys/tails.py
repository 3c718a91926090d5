"""The tail of the beta-binomial distribution, without importing all of scipy.stats (a second)."""

import numpy as np
from scipy.special import betaln, gammaln

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
    choose = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    term = np.exp(choose + betaln(k + alpha, n - k + beta) - betaln(alpha, beta))
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

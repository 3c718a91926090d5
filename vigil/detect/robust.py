"""What the compiled passes share: medians that are followed, and how to compile.

Medians are tracked by stochastic approximation: a step up or down by the sign of the error, so an
outlier of any size moves them by one step only (Robbins and Monro 1951; for quantiles under drift
Gibbs and Candès, "Adaptive conformal inference", NeurIPS 2021).

The compiler's cache watches the file of an entry point only: after a change here, recompile with
`python -m vigil.detect.warm`.
"""

import numba as nb
import numpy as np

TO_SIGMA = 1.4826
# Beyond this a value is a broken counter; squares must not overflow.
LARGEST_VALUE = 1e12
LARGEST_Z = 60.0

# Cached on disk; divisions by zero give infinities, as in numpy, instead of raising.
compiled = nb.njit(cache=True, error_model="numpy")


@compiled
def median(values, count):
    """Median of the first `count` values."""
    ordered = np.sort(values[:count])
    middle = count // 2
    if count % 2:
        return ordered[middle]
    return 0.5 * (ordered[middle - 1] + ordered[middle])


@compiled
def follow(estimate, value, scale, rate):
    """One step of a median towards the side on which the value lies."""
    if value > estimate:
        return estimate + rate * scale
    if value < estimate:
        return estimate - rate * scale
    return estimate

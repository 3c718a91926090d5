"""Online conformal p-values: how often was the evidence of this series at least as large.

Quantiles of past evidence are followed at a few levels; each is moved so that the share of evidence
beyond it stays what it should be, whatever the distribution and however it drifts. Between them the
logarithm of p is linear, beyond the last one the tail is exponential, at its own pace.

Source: Gibbs and Candès, "Adaptive conformal inference under distribution shift", NeurIPS 2021;
Angelopoulos, Candès and Tibshirani, "Conformal PID control", NeurIPS 2023 (quantile tracking).
"""

import math

import numpy as np

from vigil.detect.robust import compiled

# Shares of past evidence that lie beyond each quantile, and where a new series starts.
SHARES = np.array([0.3, 0.1, 0.03, 0.01, 0.003, 0.001])
LEVELS = len(SHARES)
# The state of one series: a quantile a level, and the recent excess of hits beyond the watched one.
START = np.array([1.0, 1.6, 2.2, 2.8, 3.4, 4.0, 0.0])
STATE_COLUMNS = LEVELS + 1
_LOG_SHARES = -np.log(SHARES)
# Drift is seen at the level of 10 %, over so many steps, from an error of half as much again.
_WATCHED, _WATCH_STEPS, _TOLERATED, _HURRY = 1, 300.0, 0.3, 16.0
_LEAST_GAP = 0.02
_LARGEST = 60.0


@compiled
def p_value(evidence, quantiles):
    """p in (0, 1] of evidence >= 0 among what the quantiles (LEVELS,) remember."""
    if evidence <= quantiles[0]:
        return math.exp(-_LOG_SHARES[0] * evidence / quantiles[0])
    for level in range(LEVELS - 1):
        if evidence <= quantiles[level + 1]:
            width = quantiles[level + 1] - quantiles[level]
            part = (evidence - quantiles[level]) / width
            step = _LOG_SHARES[level + 1] - _LOG_SHARES[level]
            return math.exp(-_LOG_SHARES[level] - part * step)
    beyond = (evidence - quantiles[LEVELS - 1]) / _pace(LEVELS - 1, quantiles)
    return math.exp(-min(_LOG_SHARES[LEVELS - 1] + beyond, 200.0))


@compiled
def learn(evidence, rate, trust, quantiles):
    """Move the quantiles by one step of Robbins and Monro; `rate` is one over the memory.

    `trust`, 0 to 1, is how far the value counts when drift is looked for.
    """
    usual = SHARES[_WATCHED]
    hit = 1.0 if evidence > quantiles[_WATCHED] else 0.0
    quantiles[LEVELS] += trust * (hit - usual - quantiles[LEVELS]) / _WATCH_STEPS
    # Where far more or less lies beyond than should, the past is another country: forget faster.
    wrong = abs(math.log((usual + quantiles[LEVELS] + 0.02) / (usual + 0.02)))
    rate *= 1 + _HURRY * min(max(wrong - _TOLERATED, 0.0), 1.0)
    for level in range(LEVELS):
        share = SHARES[level]
        step = _pace(level, quantiles) * min(rate / share, 1.0)
        beyond = 1.0 if evidence > quantiles[level] else 0.0
        moved = quantiles[level] + step * (beyond - share)
        quantiles[level] = min(max(moved, 0.1 * (level + 1)), _LARGEST)
    for level in range(1, LEVELS):
        quantiles[level] = max(quantiles[level], quantiles[level - 1] + _LEAST_GAP)


@compiled
def _pace(level, quantiles):
    """Evidence by which p falls to 1/e around the level: the best length of a step."""
    if level == 0:
        return max(quantiles[0] / _LOG_SHARES[0], _LEAST_GAP)
    width = quantiles[level] - quantiles[level - 1]
    return max(width / (_LOG_SHARES[level] - _LOG_SHARES[level - 1]), _LEAST_GAP)

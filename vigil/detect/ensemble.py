"""An ensemble: members' evidence as calibrated p-values, combined by weights that were learned.

Each member says how strange a value is in its own unit; an online conformal p-value makes them
comparable, whatever their distribution. Weights come from examples (injected anomalies, or labels
of other series), by a logistic regression on -ln p with weights that cannot be negative, and are
written down as JSON.

Sources: Fisher's method with weights (Good, JRSS B 17, 1955); the Cauchy combination (Liu and Xie,
JASA 115, 2020); the harmonic mean p (Wilson, PNAS 116, 2019). The latter two hold for members that
depend on each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from vigil.detect import calibration, shape
from vigil.detect.online import MetricKind, Observations, OnlineDetector
from vigil.detect.robust import compiled
from vigil.errors import InputError

Combination = Literal["fisher", "cauchy", "harmonic"]
COMBINATIONS: tuple[Combination, ...] = get_args(Combination)
# Deviations of the online detector, how much of a novelty a value is, distance from the nearest
# stretch of the past, and the change from the value before.
MEMBERS = ("evidence", "novelty", "shape", "change")

MEMORY_STEPS = 3_000
FLAGGED_TRUST = 0.02
LEAST_P = 1e-12
# How strongly weights are held at equal ones: in examples of each class.
PRIOR_EXAMPLES = 20.0


@dataclass(frozen=True, slots=True)
class Weights:
    """`weights`: one a member, >= 0, summing to one."""

    combination: Combination
    weights: tuple[float, ...]

    def document(self) -> dict[str, Any]:
        """As JSON keeps it."""
        return {
            "combination": self.combination,
            "weights": dict(zip(MEMBERS, self.weights, strict=True)),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Weights":
        """The inverse of `document`; raises InputError for another combination or other members."""
        if document["combination"] not in COMBINATIONS:
            raise InputError(
                f"combination must be one of {COMBINATIONS}, got {document['combination']!r}"
            )
        if set(document["weights"]) != set(MEMBERS):
            raise InputError(f"members must be {MEMBERS}, got {sorted(document['weights'])}")
        return cls(document["combination"], tuple(document["weights"][name] for name in MEMBERS))


EQUAL = Weights("fisher", (1 / len(MEMBERS),) * len(MEMBERS))


class Ensemble:
    """Scores one series from its past only; any cut of the input gives the same scores.

    About 50 µs a value, most of it for the nearest stretch.
    """

    def __init__(self, weights: Weights = EQUAL) -> None:
        self.weights = weights
        self._online = OnlineDetector()
        self._shape = np.zeros((1, shape.STATE_COLUMNS))
        self._past = np.zeros((1, shape.CAPACITY), np.float32)
        self._calibration = np.tile(calibration.START, (len(MEMBERS), 1))
        # Per member the values seen, and the mean of its evidence, which becomes its unit.
        self._seen = np.zeros((len(MEMBERS), 2))
        self._before = np.nan

    def update(self, time_s: np.ndarray, value: np.ndarray) -> np.ndarray:
        """Strangeness of each value, float64 (n,), finite, higher is stranger."""
        return combine(self.members(time_s, value), self.weights)

    def members(self, time_s: np.ndarray, value: np.ndarray) -> np.ndarray:
        """p-values in (0, 1], float64 (n, members); 1 where a member cannot know yet."""
        n = len(value)
        decisions = self._online.update(
            Observations(
                series_id=np.zeros(n, np.int64),
                time_s=time_s,
                value=value,
                weight=np.ones(n),
                kind=np.full(n, MetricKind.GENERIC, np.int8),
            )
        )
        distance = np.empty(n)
        shape.run(
            np.zeros(n, np.int64), value, np.zeros(n, bool), self._shape, self._past, distance
        )
        change = np.abs(np.diff(value, prepend=self._before))
        self._before = value[-1] if n else self._before
        evidence = np.stack([decisions.rank, -np.log10(1 - decisions.score), distance, change])
        p = np.empty((n, len(MEMBERS)))
        _calibrate(evidence, decisions.flagged, self._calibration, self._seen, p)
        return p


@compiled
def _calibrate(evidence, flagged, quantiles, seen, p):
    """Fill p (n, members) for evidence (members, n), each value before it is learnt."""
    for member in range(len(evidence)):
        for i in range(evidence.shape[1]):
            size = evidence[member, i]
            if not np.isfinite(size):
                p[i, member] = 1.0
                continue
            count, mean = seen[member]
            relative = min(size / (mean + 1e-12), 60.0) if count >= 10 else 0.0
            p[i, member] = calibration.p_value(relative, quantiles[member])
            # What the online detector alerts on is no habit.
            trust = FLAGGED_TRUST if flagged[i] else 1.0
            rate = trust * max(0.5 / (count + 20), 1 / MEMORY_STEPS)
            calibration.learn(relative, rate, trust, quantiles[member])
            bounded = min(size, 10 * mean) if count >= 10 else size
            pace = trust * max(1 / (count + 1), 1 / MEMORY_STEPS)
            seen[member, 1] += pace * (bounded - mean)
            seen[member, 0] = count + 1


def combine(p: np.ndarray, weights: Weights) -> np.ndarray:
    """Strangeness of rows of p-values (n, members): -ln of the combined p, up to a constant."""
    share = np.array(weights.weights)
    p = np.clip(p, LEAST_P, 1 - 1e-9)
    if weights.combination == "fisher":
        return -np.log(p) @ share
    if weights.combination == "harmonic":
        return np.log((1 / p) @ share)
    statistic = np.tan((0.5 - p) * np.pi) @ share
    return -np.log(np.clip(0.5 - np.arctan(statistic) / np.pi, LEAST_P, 1.0))


def learn_weights(p: np.ndarray, labels: np.ndarray) -> Weights:
    """Weights that tell labelled rows from the others, and the combination that ranks them best.

    p (n, members), labels bool (n,). Equal weights where there is nothing to learn from. Both
    classes count the same, however rare one is.
    """
    if not labels.any() or labels.all():
        return EQUAL
    strange = -np.log(np.clip(p, LEAST_P, 1.0))
    share = np.where(labels, 0.5 / labels.sum(), 0.5 / (~labels).sum())
    sign = np.where(labels, 1.0, -1.0)
    equal = np.full(len(MEMBERS), 1 / len(MEMBERS))
    pull = PRIOR_EXAMPLES / (PRIOR_EXAMPLES + 2 * labels.sum())

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        slope, offset = theta[:-1], theta[-1]
        margin = sign * (strange @ slope - offset)
        away = slope - equal
        pushed = -share * sign * expit(-margin)
        gradient = np.append(pushed @ strange + pull * away, -pushed.sum())
        return float(share @ np.logaddexp(0, -margin) + 0.5 * pull * away @ away), gradient

    bounds = [(0.0, None)] * len(MEMBERS) + [(None, None)]
    slope = minimize(loss, np.append(equal, 1.0), jac=True, bounds=bounds, method="L-BFGS-B").x[:-1]
    if slope.sum() <= 0:
        return EQUAL
    shares = tuple(float(weight) for weight in slope / slope.sum())
    ranked = [Weights(combination, shares) for combination in COMBINATIONS]
    return max(ranked, key=lambda weights: _average_precision(combine(p, weights), labels))


def _average_precision(score: np.ndarray, labels: np.ndarray) -> float:
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(labels, score))


def pooled(examples: Sequence[tuple[np.ndarray, np.ndarray]]) -> Weights:
    """`learn_weights` over several series' (p, labels)."""
    if not examples:
        return EQUAL
    return learn_weights(
        np.concatenate([p for p, _ in examples]), np.concatenate([labels for _, labels in examples])
    )

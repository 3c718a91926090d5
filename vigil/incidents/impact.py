"""What an unusual window costs: bad requests, and how fast they burn the error budget."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vigil.incidents.rules import IncidentRules

# A 95th percentile above its band says that at least these were too slow.
_LEAST_SLOW = 0.05


@dataclass(frozen=True, slots=True)
class Impact:
    """`bad_requests` of `requests` in one window; burn_rate 1 spends the budget exactly in time."""

    bad_requests: float
    requests: float
    burn_rate: float


NOTHING = Impact(0.0, 0.0, 0.0)


def impact_of(row: Mapping[str, Any], window_s: float, rules: IncidentRules) -> Impact:
    """Estimate from a decision (score columns and `metric`); nothing for metrics without users."""
    actual, expected = row["actual"], row["expected"]
    if actual is None or expected is None:
        return NOTHING
    weight = row["weight"]
    match row["metric"]:
        case "error_ratio":
            return _impact(actual, weight, 1 - rules.objective)
        case "latency_ms_p95":
            upper = row["upper"] or expected
            share = min(max(actual / upper - 1, _LEAST_SLOW), 1.0) if actual > upper > 0 else 0.0
            return _impact(share, weight, 1 - rules.latency_objective)
        case "request_rate":
            # Less demand harms nobody: only what is missing to half of it counts as lost.
            share = max(1 - 2 * actual / expected, 0.0) if expected > 0 else 0.0
            return _impact(share, expected * window_s, 1 - rules.objective)
    return NOTHING


def _impact(bad_share: float, requests: float, budget: float) -> Impact:
    return Impact(bad_share * requests, requests, bad_share / budget)

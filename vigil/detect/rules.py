"""What must hold for unusual evidence to become a flag, for each group of series.

Defaults: errors and latencies matter upwards only; an error ratio needs three failed requests more
than expected, a latency three requests behind it; all but error ratios must be a tenth away from
what was expected. Evidence is smoothed, so by default one window is enough.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from vigil.detect.kernel import GENERIC, LATENCY, RATE, RATIO
from vigil.errors import ConfigError

DIRECTIONS = {"down": -1, "both": 0, "up": 1}
LARGEST_N = 16
GROUPS = {"other": GENERIC, "traffic": RATE, "error_ratio": RATIO, "latency": LATENCY}


@dataclass(frozen=True, slots=True)
class GateRules:
    """The gates of one group.

    direction: which way is bad. least_absolute: distance from the expected value in its own unit,
    for error ratios in failed requests. least_relative: the same as a share of what is expected.
    least_traffic: requests behind the value. k of the last n windows must be unusual.
    """

    direction: str = "both"
    least_absolute: float = 0.0
    least_relative: float = 0.0
    least_traffic: float = 0.0
    k: int = 1
    n: int = 1

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ConfigError(f"direction must be one of {[*DIRECTIONS]}, got {self.direction!r}")
        for name in ("least_absolute", "least_relative", "least_traffic"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must be >= 0, got {getattr(self, name)}")
        if not 1 <= self.k <= self.n <= LARGEST_N:
            raise ConfigError(
                f"k of n must be 1 <= k <= n <= {LARGEST_N}, got {self.k} of {self.n}"
            )

    def row(self) -> list[float]:
        """As the kernel reads them."""
        return [float(DIRECTIONS[self.direction]), *list(asdict(self).values())[1:]]


DEFAULT_RULES: Mapping[str, GateRules] = {
    "other": GateRules(least_relative=0.1),
    "traffic": GateRules(least_relative=0.1),
    "error_ratio": GateRules("up", least_absolute=3),
    "latency": GateRules("up", least_relative=0.1, least_traffic=3),
}


def rules_array(rules: Mapping[str, GateRules]) -> np.ndarray:
    """float64 (kinds, gates), a row a kind of metric."""
    rows = sorted((GROUPS[group], rule.row()) for group, rule in rules.items())
    return np.array([row for _, row in rows])


def rules_with(overrides: Mapping[str, Mapping[str, Any]]) -> dict[str, GateRules]:
    """The defaults with some fields of some groups replaced.

    Raises ConfigError for an unknown group or field and for values out of range.

    >>> rules_with({"latency": {"least_traffic": 20, "k": 2, "n": 3}})["latency"].least_traffic
    20
    """
    known = {field.name for field in fields(GateRules)}
    rules = dict(DEFAULT_RULES)
    for group, changed in overrides.items():
        if group not in GROUPS:
            raise ConfigError(f"no group of series {group!r}; there are {', '.join(GROUPS)}")
        unknown = set(changed) - known
        if unknown:
            raise ConfigError(f"{group} has no gate {min(unknown)!r}; there are {sorted(known)}")
        try:
            rules[group] = replace(rules[group], **changed)
        except TypeError as error:
            raise ConfigError(f"the gates of {group} must be numbers: {error}") from error
    return rules

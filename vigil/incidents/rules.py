"""What makes an incident worth a page, and when it is over. All times are event time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

CRITICAL, ERROR, WARNING, INFO = "critical", "error", "warning", "info"
SEVERITIES = (CRITICAL, ERROR, WARNING, INFO)


@dataclass(frozen=True, slots=True)
class IncidentRules:
    """One set for a stream; the policy file may set each.

    confirm_s: severity → how long a request series must be unusual before anybody is told;
    confirm_metric_s: the same for other metrics, whose detector has weighed the evidence itself and
    flags only where something begins. confirm_budget: the share of the month's error budget whose
    loss is told at once, after at_once_s at least.
    clear_windows, clear_s: quiet windows and seconds after which an incident is over; doubled with
    each reopening, eight times at most. reopen_s: an incident that comes back within this is the
    same one. near_s: what turns unusual within this, on a path of calls or in one region, belongs
    together. objective: share of good requests promised; latency_objective: the same for quick
    ones. burn_rates: severity → least multiple of the error budget's even pace (the Google SRE
    workbook's 14.4, 6 and 1).
    """

    confirm_s: Mapping[str, float] = field(
        default_factory=lambda: {CRITICAL: 360.0, ERROR: 360.0, WARNING: 960.0, INFO: 1800.0}
    )
    confirm_metric_s: float = 0.0
    confirm_budget: float = 0.01
    at_once_s: float = 120.0
    clear_windows: int = 5
    clear_s: float = 300.0
    reopen_s: float = 1800.0
    near_s: float = 300.0
    objective: float = 0.999
    latency_objective: float = 0.95
    burn_rates: Mapping[str, float] = field(
        default_factory=lambda: {CRITICAL: 14.4, ERROR: 6.0, WARNING: 1.0}
    )
    # Above this share of flagged windows since the first, a series counts as continuously unusual.
    least_flagged_share: float = 0.5


def severity_of(burn_rate: float, rules: IncidentRules) -> str:
    """The gravest severity whose burn rate is reached."""
    reached = (name for name in SEVERITIES if burn_rate >= rules.burn_rates.get(name, 0.0))
    return next(reached, INFO)


def graver(one: str, other: str) -> bool:
    """True where `one` is worse than `other`."""
    return SEVERITIES.index(one) < SEVERITIES.index(other)

"""Who is told of what, when and how: one validated YAML file."""

from vigil.alerts.policy.load import (
    configured_policy,
    default_policy,
    load_policy,
    parse_policy,
)
from vigil.alerts.policy.schema import Policy
from vigil.alerts.policy.watch import PolicyWatch

__all__ = [
    "Policy",
    "PolicyWatch",
    "configured_policy",
    "default_policy",
    "load_policy",
    "parse_policy",
]

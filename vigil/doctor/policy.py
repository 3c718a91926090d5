"""Is the policy of alerts there and sound?"""

from vigil.alerts.policy import configured_policy
from vigil.config import Settings
from vigil.doctor.finding import NOTE, OK, Finding


def check_policy(settings: Settings) -> Finding:
    """The policy file can be read, and every name in it leads somewhere."""
    if not settings.policy:
        found = "none: every alert goes to the terminal and the webhook"
        return Finding("policy", NOTE, found, "write one (docs/alerting.md) and set VIGIL_POLICY")
    policy = configured_policy(settings)
    return Finding("policy", OK, f"{settings.policy}: {len(policy.channels)} channels")

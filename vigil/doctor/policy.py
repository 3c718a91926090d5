"""Is the policy of alerts there and sound?"""

from vigil.alerts.policy import configured_policy
from vigil.doctor.finding import NOTE, OK, Finding
from vigil.doctor.installation import Installation


def check_policy(installation: Installation) -> Finding:
    """The policy file can be read, and every name in it leads somewhere."""
    settings = installation.settings
    if not settings.policy:
        found = "none: every alert goes to the terminal and the webhook"
        return Finding("policy", NOTE, found, "write one (docs/alerting.md) and set VIGIL_POLICY")
    policy = configured_policy(settings)
    return Finding("policy", OK, f"{settings.policy}: {len(policy.channels)} channels")

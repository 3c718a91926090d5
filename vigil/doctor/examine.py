"""Runs all checks, in the order in which problems should be mended."""

from collections.abc import Callable

from vigil.config import Settings
from vigil.doctor.finding import PROBLEM, Finding
from vigil.doctor.installation import Installation
from vigil.doctor.machine import check_datasets, check_home, check_python
from vigil.doctor.models import check_champion
from vigil.doctor.policy import check_policy
from vigil.doctor.servers import (
    check_clock,
    check_database,
    check_event_log,
    check_sink,
    check_webhook,
)
from vigil.doctor.stream import check_lag, check_silence, check_workers
from vigil.errors import VigilError

Check = Callable[[Installation], Finding]

CHECKS: dict[str, Check] = {
    "python": check_python,
    "home": check_home,
    "event log": check_event_log,
    "database": check_database,
    "clock": check_clock,
    "sink": check_sink,
    "policy": check_policy,
    "webhook": check_webhook,
    "champion": check_champion,
    "lag": check_lag,
    "workers": check_workers,
    "silent series": check_silence,
    "datasets": check_datasets,
}
# What an error says → what helps. The first that fits is given.
REMEDIES = (
    (("password", "authentic", "security_exception", "401"), "mend user and password in the URL"),
    (("certificate", "ssl", "tls"), "mend the certificate, or name its authority in the URL"),
    (("refused a request",), "see the server's own log"),
    (("must be a known field", "vigil_policy"), "mend the policy file (docs/alerting.md)"),
)
ELSE = "start the server or mend its address"


def examine(settings: Settings) -> list[Finding]:
    """All findings; a check that cannot be made is a problem of its own."""
    with Installation(settings) as installation:
        return [guarded(name, check, installation) for name, check in CHECKS.items()]


def guarded(name: str, check: Check, installation: Installation) -> Finding:
    """The check's finding; a known error becomes a problem with its remedy."""
    try:
        return check(installation)
    except VigilError as error:
        text = str(error).lower()
        remedy = next((help for words, help in REMEDIES if any(w in text for w in words)), ELSE)
        return Finding(name, PROBLEM, str(error), remedy)

"""`vigil slo`: objectives as code, one file a verb."""

import click

from vigil.cli.lazy import LazyGroup

VERBS = {
    "check": "Say whether files of objectives are right.",
    "status": "Show budgets, burn rates and what they will come to.",
    "ahead": "Say which objectives break within hours, with the record of saying so.",
}


@click.group("slo", cls=LazyGroup, package="vigil.cli.slo", summaries=VERBS)
def command() -> None:
    """Service level objectives as OpenSLO files: check them, see their budgets, look ahead.

    docs/forecasting.md has an example. Exit codes: 0 fine, 1 an objective is broken or an alert
    fires, 2 a file is wrong, 3 the database is down.
    """

"""`vigil changes`: what was done to services."""

import click

from vigil.cli.lazy import LazyGroup

COMMANDS = {
    "add": "Note a change, or all of a file.",
    "list": "List changes, the newest first.",
}


@click.group("changes", cls=LazyGroup, package="vigil.cli.changes", summaries=COMMANDS)
def command() -> None:
    """Deploys, configuration and feature flags, as evidence for causes.

    Call `vigil changes add` at the end of a deployment. Adding the same change twice changes
    nothing. Exit codes: 0 done, 2 wrong use, 3 the database is down.
    """

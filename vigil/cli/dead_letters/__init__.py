"""`vigil dead-letters`: what could not be used, and why; mended and sent again."""

import click

from vigil.cli.lazy import LazyGroup

LETTER_COMMANDS = {
    "list": "Count dead letters by reason.",
    "show": "Show dead letters with what they held.",
    "replay": "Mend dead letters and send them again, each exactly once.",
}


@click.group(
    "dead-letters", cls=LazyGroup, package="vigil.cli.dead_letters", summaries=LETTER_COMMANDS
)
def command() -> None:
    """Records that could not be used: why, what they held, and how to use them after all.

    Exit codes: 0 done, 1 there is none, or some could not be sent, 2 wrong use, 3 the event log is
    down.
    """

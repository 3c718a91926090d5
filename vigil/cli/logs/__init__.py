"""`vigil logs`: templates of log lines."""

import click

from vigil.cli.lazy import LazyGroup

COMMANDS = {
    "mine": "Find the template of every line of a log file.",
    "templates": "Show what services said, from the logs of the stream.",
    "search": "Find log lines by words, service, severity, template, trace or incident.",
}


@click.group("logs", cls=LazyGroup, package="vigil.cli.logs", summaries=COMMANDS)
def command() -> None:
    """Log lines as templates: what is said, apart from the values in it.

    `connection from 10.0.0.7 closed` and `connection from 10.0.0.9 closed` are one template,
    `connection from <*> closed`. Exit codes: 0 done, 2 wrong use or
    unreadable file, 3 the database is down.
    """

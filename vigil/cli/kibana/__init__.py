"""`vigil kibana`: dashboards for operators."""

import click

from vigil.cli.lazy import LazyGroup

COMMANDS = {
    "export": "Write data views, charts and dashboards to a file.",
    "import": "Bring them, and an alerting rule, into a running Kibana.",
}


@click.group("kibana", cls=LazyGroup, package="vigil.cli.kibana", summaries=COMMANDS)
def command() -> None:
    """Dashboards of scores and alerts for Kibana: estate, service, journey, incidents.

    They are made from one definition, so exporting twice gives the same file. Exit codes: 0 done,
    2 wrong address or file, 3 Kibana is down or refuses.
    """

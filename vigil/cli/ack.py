"""`vigil ack`: take care of an incident."""

import click

from vigil.cli.output import json_option, print_json


@click.command("ack")
@click.argument("incident")
@click.option("--by", help="Who takes care.  [default: the user at this terminal]")
@json_option
def command(incident: str, by: str | None, as_json: bool) -> None:
    """Acknowledge INCIDENT: somebody takes care, so nobody else is called.

    INCIDENT may be a part of its id that fits no other. When the incident comes back after it was
    over, it has to be acknowledged again.

    \b
    Example:
      vigil ack inc-5d3a

    Exit codes: 0 done, 2 no such incident or it is over, 3 the database is down.
    """
    from vigil.alerts.operator import who
    from vigil.cli.operator import operator

    author = by or who()
    with operator() as opened:
        number = opened.acknowledge(incident, author)
    if as_json:
        print_json({"incident_id": number, "acknowledged_by": author})
    else:
        click.echo(f"{author} takes care of {number}")

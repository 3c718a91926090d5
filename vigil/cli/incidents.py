"""`vigil incidents`: what is wrong now, and what was."""

from datetime import datetime, timedelta
from typing import Any

import click

from vigil.cli.output import json_option, print_json, print_table
from vigil.cli.time import parse_duration


@click.command("incidents")
@click.argument("incident", required=False)
@click.option("--open", "only_open", is_flag=True, help="Only those that are not over.")
@click.option("--last", default="7d", show_default=True,
              help="How far back from the newest window: 90m, 12h, 7d.")  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many at most."
)
@json_option
def command(incident: str | None, only_open: bool, last: str, limit: int, as_json: bool) -> None:
    """List incidents, or tell the whole story of one.

    The story has the message with the probable cause and its evidence, what was decided about it
    and why, and what each channel said.
    INCIDENT may be a part of its id that fits no other.

    \b
    Examples:
      vigil incidents --open
      vigil incidents inc-5d3a

    Exit codes: 0 done, 1 nothing is open (with --open), 2 no such incident, 3 the database is down.
    """
    from vigil.cli.operator import operator

    with operator() as store:
        if incident:
            _tell(store.story(incident), as_json)
            return
        rows = store.incidents(timedelta(seconds=parse_duration(last)), limit, only_open)
    if as_json:
        print_json(rows)
    else:
        columns = ("incident", "status", "severity", "owner", "since", "what", "cause", "told")
        print_table("Incidents", columns, [_row(row) for row in rows])
    raise SystemExit(1 if only_open and not rows else 0)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    from vigil.alerts.card import cause_name

    since = f"{datetime.fromisoformat(row['opened_at']):%Y-%m-%d %H:%MZ}"
    return (
        row["incident_id"], row["status"], row["severity"], row["owner"], since,
        row["title"], cause_name(row), row["told"],
    )  # fmt: skip


def _tell(story: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(story)
        return
    click.echo(story["text"])
    click.echo("\nDecisions")
    for entry in story["log"]:
        click.echo(f"  {entry['at']:%m-%d %H:%M:%S}  {entry['kind']:<12} {entry['words']}")
    click.echo("\nMessages")
    for item in story["notifications"]:
        error = f": {item['last_error']}" if item["last_error"] else ""
        click.echo(
            f"  {item['created_at']:%m-%d %H:%M:%S}  {item['action']:<10} {item['channel']:<14}"
            f" {item['status']} after {item['attempts']} attempts{error}"
        )
    click.echo(f"\nLines: vigil logs search --incident {story['incident']['incident_id']}")

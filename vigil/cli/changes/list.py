"""`vigil changes list`: what was done lately."""

from datetime import UTC, datetime, timedelta

import click

from vigil.cli.output import json_option, print_json, print_table
from vigil.cli.time import parse_duration, parse_time


@click.command("list")
@click.option("--last", default="7d", show_default=True, help="How far back: 90m, 12h, 7d.")
@click.option("--until", "until_text", default="now", show_default=True, help="ISO 8601.")
@json_option
def command(last: str, until_text: str, as_json: bool) -> None:
    """List changes up to an instant, the newest first.

    \b
    Example:
      vigil changes list --last 2h --until 2026-03-02T12:30:00

    Exit codes: 0 done, 2 wrong use, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.changes import ChangeStore
    from vigil.stores.database import open_database

    until = parse_time(until_text) if until_text != "now" else datetime.now(UTC)
    store = ChangeStore(open_database(load_settings()))
    rows = store.between(until - timedelta(seconds=parse_duration(last)), until).to_dicts()
    if as_json:
        print_json(rows)
    else:
        columns = list(rows[0]) if rows else ["at", "kind", "service"]
        print_table("Changes", columns, [list(row.values()) for row in rows])

"""`vigil changes add`: note a change, or all of a file."""

from pathlib import Path

import click

from vigil.cli.output import json_option, print_facts, print_json
from vigil.cli.time import parse_time


@click.command("add")
@click.option("--kind", default="deploy", show_default=True, help="deploy, config, flag, …")
@click.option("--service", help="Which service.  [default: all]")
@click.option("--environment", help="Where.  [default: everywhere]")
@click.option("--version", help="What runs now.")
@click.option("--author", help="Who did it.")
@click.option("--description", default="", help="What was done.")
@click.option("--at", "at_text", default="now", show_default=True, help="When: ISO 8601.")
@click.option("--file", type=click.Path(path_type=Path), help="NDJSON, a change a line, instead.")
@json_option
def command(
    kind: str,
    service: str | None,
    environment: str | None,
    version: str | None,
    author: str | None,
    description: str,
    at_text: str,
    file: Path | None,
    as_json: bool,
) -> None:
    """Note a change, or every line of --file with the same fields (at, kind, service, …).

    \b
    Examples:
      vigil changes add --service payments --version 1.8.2 --environment azure-prod
      vigil changes add --file deployments.ndjson

    Exit codes: 0 done, 2 a field is wrong (line and rule are named), 3 the database is down.
    """
    from vigil.collect.changes import read_changes
    from vigil.config import load_settings
    from vigil.rootcause.changes import Change
    from vigil.stores.changes import ChangeStore
    from vigil.stores.database import open_database

    if file:
        found = read_changes(file)
    else:
        at = parse_time(at_text)
        found = [Change(at, kind, service, environment, version, author, description)]
    added = ChangeStore(open_database(load_settings())).add(found)
    facts = {"read": len(found), "added": added, "known": len(found) - added}
    if as_json:
        print_json(facts)
    else:
        print_facts("Changes", facts)

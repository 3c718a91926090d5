"""`vigil dead-letters show`."""

from contextlib import closing
from itertools import islice

import click

from vigil.cli.output import json_option, print_facts, print_json


@click.command("show")
@click.argument("letter_id", required=False)
@click.option("--field", help="Only those whose FIELD broke a rule.")
@click.option(
    "--limit", default=10, show_default=True, type=click.IntRange(1), help="At most so many."
)
@json_option
def command(letter_id: str | None, field: str | None, limit: int, as_json: bool) -> None:
    """Show the dead letter LETTER_ID, or the first ones, with what they held.

    Exit codes: 0 done, 1 there is none, 3 the event log is down.
    """
    from dataclasses import asdict

    from vigil.collect.dead_letters import read_letters
    from vigil.config import load_settings
    from vigil.stores import open_log

    with closing(open_log(load_settings())) as event_log:
        letters = (
            letter
            for letter in read_letters(event_log)
            if letter_id in (None, letter.id) and field in (None, letter.field)
        )
        found = [asdict(letter) for letter in islice(letters, limit)]
    if as_json:
        print_json(found)
    for letter in found if not as_json else []:
        print_facts(letter["id"], letter)
    raise SystemExit(0 if found else 1)

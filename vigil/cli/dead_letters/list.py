"""`vigil dead-letters list`."""

from contextlib import closing

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """Count dead letters by field and rule, the most frequent first, each with an example's id.

    Exit codes: 0 done, 3 the event log is down.
    """
    from vigil.collect.dead_letters import count_reasons, read_letters
    from vigil.config import load_settings
    from vigil.stores import open_log

    with closing(open_log(load_settings())) as event_log:
        rows = count_reasons(read_letters(event_log))
    columns = ("field", "rule", "letters", "example")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Dead letters", columns, rows)

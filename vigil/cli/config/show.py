"""`vigil config show`: which values are in force, and why."""

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("show")
@click.option("--effective", is_flag=True, help="Show defaults too, not only what was set.")
@json_option
def command(effective: bool, as_json: bool) -> None:
    """Show settings, their values and where they come from; secrets are masked.

    Exit codes: 0 shown, 2 a value is refused (`vigil config check` names all that are).
    """
    from vigil.config import load_settings, origins

    settings = load_settings()
    values, where = settings.shown(), origins()
    rows = [
        (name, values[name], where[name])
        for name in values
        if effective or where[name] != "default"
    ]
    columns = ("setting", "value", "from")
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        print_table("Settings", columns, rows)
    else:
        click.echo("nothing is set: all defaults (--effective shows them)")

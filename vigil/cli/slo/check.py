"""`vigil slo check`: validate objectives."""

from dataclasses import asdict
from pathlib import Path

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@json_option
def command(files: tuple[Path, ...], as_json: bool) -> None:
    """Read OpenSLO files and list their objectives, or name what is wrong: file, field, value.

    \b
    Example:
      vigil slo check objectives.yaml

    Exit codes: 0 all are right, 2 one is wrong.
    """
    from vigil.objectives.openslo import in_words, read_objectives

    rows = [
        {"file": str(path), **asdict(objective)}
        for path in files
        for objective in read_objectives(path)
    ]
    if as_json:
        print_json(rows)
    else:
        shown = [
            row | {"select": in_words(row["select"]), "window_s": f"{row['window_s'] / 86_400:g} d"}
            for row in rows
        ]
        columns = [name.replace("window_s", "window") for name in rows[0]]
        print_table("Objectives", columns, [list(row.values()) for row in shown])

"""`vigil logs mine`."""

from pathlib import Path

import click

from vigil.cli.files import OutFile
from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("mine")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=OutFile(), required=True, help="Csv to write.")
@json_option
def command(file: Path, out: Path, as_json: bool) -> None:
    """Find the template of every line of FILE (text, also .gz, .bz2, .zst).

    Writes one row for each line, in order: template_id, template. Values are `<*>`. The header
    (time, host, process, severity, component) is found and left out by itself; nothing needs to be
    configured. The file is read once, in bounded memory.

    \b
    Example:
      vigil logs mine /var/log/syslog --out templates.csv

    Exit codes: 0 done, 2 the file cannot be read.
    """
    from vigil.collect.log_files import mine_file

    with progress_bar() as bar:
        task = bar.add_task("reading bytes", total=file.stat().st_size)
        mined = mine_file(file, out, lambda size: bar.advance(task, size))
    facts = {
        "lines": mined.lines,
        "templates": mined.templates,
        "header_columns": mined.header_columns,
        "out": str(out),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Mined", facts)

"""`vigil bench logs`: template miners on labelled logs."""

from pathlib import Path

import click

from vigil.cli.bench.options import data_option
from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("logs")
@data_option
@click.option("--repeat", default=20, show_default=True, help="Times the lines are read for speed.")
@json_option
def command(data: Path | None, repeat: int, as_json: bool) -> None:
    """Grouping accuracy by system and CPU speed of Vigil and drain3 on the same raw lines.

    drain3 runs with its defaults and three general masks, once on the raw lines and once on the
    messages that people have cut out of them. Its dependencies are those of `make setup`.
    """
    from vigil.bench.logs import bench_logs, read_logs
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "loghub"
    with progress_bar() as bar:
        task = bar.add_task("mining systems", total=len(read_logs(folder)))
        facts = bench_logs(folder, repeat, lambda: bar.advance(task))
    if as_json:
        print_json(facts)
        return
    accuracy = facts.pop("accuracy")
    print_table("Grouping accuracy", list(accuracy[0]), [list(row.values()) for row in accuracy])
    print_facts("Speed on raw lines, CPU time", facts)

"""`vigil bench nab`: detectors on the Numenta Anomaly Benchmark."""

from pathlib import Path

import click

from vigil.cli.bench.options import NAMES, data_option, detector_option
from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("nab")
@data_option
@detector_option
@json_option
def command(data: Path | None, detectors: tuple[str, ...], as_json: bool) -> None:
    """The Numenta Anomaly Benchmark: standard, low-FP and low-FN scores of the files present."""
    from vigil.bench.nab import bench_nab, read_corpus
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "nab"
    names = detectors or NAMES
    files, _ = read_corpus(folder)
    with progress_bar() as bar:
        task = bar.add_task("scoring files", total=len(files) * len(names))
        rows = bench_nab(folder, names, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
    else:
        print_table("NAB", list(rows[0]), [list(row.values()) for row in rows])

"""`vigil bench series`: detectors on labelled production series."""

from pathlib import Path

import click

from vigil.cli.bench.options import NAMES, data_option, detector_option
from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("series")
@data_option
@detector_option
@click.option(
    "--cross-validate",
    "held_out",
    is_flag=True,
    help="Choose thresholds on all families but one and judge Vigil on that one, for each.",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path),
    help="Also write a report: each series with scores, flags and labels of the first detector.",
)
@json_option
def command(
    data: Path | None,
    detectors: tuple[str, ...],
    held_out: bool,
    html: Path | None,
    as_json: bool,
) -> None:
    """Labelled production series: VUS-PR, alert F1, false alarms on clean series.

    The folder holds FAMILY/SERIES.csv with timestamp, value and label, as in the cloud monitoring
    dataset.
    """
    from vigil.bench.series import bench_series, count_files
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "cloud-monitoring" / "data"
    if held_out:
        _cross_validate(folder, as_json)
        return
    names = detectors or NAMES
    with progress_bar() as bar:
        task = bar.add_task("scoring series", total=count_files(folder) * len(names))
        results = bench_series(folder, names, lambda: bar.advance(task))
    rows = [result.summary() for result in results]
    rows.sort(key=lambda row: (row["family"] != "all", str(row["family"]), str(row["detector"])))
    if html:
        from vigil.bench.report import write_report

        with progress_bar() as bar:
            task = bar.add_task("drawing series", total=count_files(folder))
            write_report(html, folder, rows, names[0], lambda: bar.advance(task))
    if as_json:
        print_json(rows)
        return
    print_table("Labelled series", list(rows[0]), [list(row.values()) for row in rows])


def _cross_validate(folder: Path, as_json: bool) -> None:
    from vigil.bench.crossval import cross_validate, settings_grid

    with progress_bar() as bar:
        task = bar.add_task("trying settings", total=len(settings_grid()))
        rows, pooled = cross_validate(folder, lambda: bar.advance(task))
    figures = [row.summary() for row in (*rows, pooled)]
    if as_json:
        print_json(figures)
        return
    print_table("Each family held out", list(figures[0]), [list(f.values()) for f in figures])

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
    "--ensemble",
    is_flag=True,
    help="Learn an ensemble's weights on all families but one and judge it there, for each.",
)
@click.option(
    "--merlion",
    "merlion_python",
    type=click.Path(path_type=Path),
    help="Interpreter of an environment with salesforce-merlion: run its default detector beside"
    " Vigil on a small sample.",
)
@click.option(
    "--merlion-series", default=7, show_default=True, help="Series in that sample, all families."
)
@click.option(
    "--merlion-limit-s", default=300.0, show_default=True, help="Seconds that a series may take."
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
    ensemble: bool,
    merlion_python: Path | None,
    merlion_series: int,
    merlion_limit_s: float,
    html: Path | None,
    as_json: bool,
) -> None:
    """Labelled production series: VUS-PR, alert F1, false alarms on clean series.

    The folder holds FAMILY/SERIES.csv with timestamp, value and label, as in the cloud monitoring
    dataset.

    \b
    Examples:
      vigil bench series --detector vigil --detector rolling_mad
      vigil bench series --cross-validate
      python -m venv merlion && merlion/bin/pip install salesforce-merlion
      vigil bench series --merlion merlion/bin/python
    """
    from vigil.bench.series import bench_series, count_files
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "cloud-monitoring" / "data"
    if held_out:
        _cross_validate(folder, as_json)
        return
    if ensemble:
        _ensemble(folder, as_json)
        return
    if merlion_python:
        _merlion(folder, merlion_python, merlion_series, merlion_limit_s, as_json)
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


def _ensemble(folder: Path, as_json: bool) -> None:
    from vigil.bench.ensemble import cross_validate_ensemble
    from vigil.bench.series import count_files

    with progress_bar() as bar:
        task = bar.add_task("scoring members", total=count_files(folder))
        rows = cross_validate_ensemble(folder, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
        return
    print_table("VUS-PR, held out", list(rows[0]), [list(row.values()) for row in rows])


def _merlion(folder: Path, python: Path, series: int, limit_s: float, as_json: bool) -> None:
    from vigil.bench.merlion_peer import bench_merlion

    with progress_bar() as bar:
        task = bar.add_task("running Merlion", total=series)
        report = bench_merlion(folder, python, series, limit_s, lambda: bar.advance(task))
    rows = report.rows()
    if as_json:
        print_json({"detectors": rows, "failures": report.failures})
        return
    print_table("The same sample", list(rows[0]), [list(row.values()) for row in rows])
    if report.failures:
        reasons = list(report.failures.items())
        print_table("Series that Merlion did not finish", ("series", "reason"), reasons)

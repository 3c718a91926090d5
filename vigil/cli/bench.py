"""`vigil bench`: the project's own benchmarks."""

from pathlib import Path

import click

from vigil.cli.output import json_option, print_json, print_table, progress_bar

NAMES = ("vigil", "rolling_mad", "seasonal_mad", "windowed_gaussian", "half_space_trees")

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Dataset folder.  [default: VIGIL_DATASETS]"
)
detector_option = click.option(
    "--detector",
    "detectors",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run only this one; may be repeated.  [default: all]",
)


@click.group("bench")
def command() -> None:
    """Measure Vigil on public data and seeded workloads, with peers in the same run.

    Each benchmark prints a table, or JSON with --json. Exit codes: 0 done, 2 the data are not
    there.
    """


@command.command("series")
@data_option
@detector_option
@json_option
def series(data: Path | None, detectors: tuple[str, ...], as_json: bool) -> None:
    """Labelled production series: VUS-PR, alert F1, false alarms on clean series.

    The folder holds FAMILY/SERIES.csv with timestamp, value and label, as in the cloud monitoring
    dataset.
    """
    from vigil.bench.series import bench_series, count_files
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "cloud-monitoring" / "data"
    names = detectors or NAMES
    with progress_bar() as bar:
        task = bar.add_task("scoring series", total=count_files(folder) * len(names))
        results = bench_series(folder, names, lambda: bar.advance(task))
    rows = [result.summary() for result in results]
    if as_json:
        print_json(rows)
        return
    rows.sort(key=lambda row: (row["family"] != "all", str(row["family"]), str(row["detector"])))
    print_table("Labelled series", list(rows[0]), [list(row.values()) for row in rows])


@command.command("nab")
@data_option
@detector_option
@json_option
def nab(data: Path | None, detectors: tuple[str, ...], as_json: bool) -> None:
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

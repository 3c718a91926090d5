"""`vigil bench calibration`: the false-alarm rate asked for, and the one reached."""

from pathlib import Path

import click

from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("calibration")
@click.option("--points", type=click.IntRange(4_000), default=20_000, show_default=True,
              help="Length of each series; the first 2,000 points are warm-up.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the generated noise.")
@click.option("--plot", type=OutFile(PLOTS), help="PNG of reached over asked rates.")
@json_option
def command(points: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Clean generated series of all kinds: false-alarm rate asked for and reached.

    A point is a false alarm at a rate where its p is at or below it.

    Exit codes: 0 every rate of which at least 30 points are expected is reached within a factor of
    two, 1 one is not.
    """
    from vigil.bench.calibration import (
        WARM_UP_POINTS,
        bench_calibration,
        clean_series,
        plot_calibration,
    )

    with progress_bar() as bar:
        task = bar.add_task("scoring clean series", total=len(clean_series(1, 0)))
        rows = bench_calibration(points, seed, tick=lambda: bar.advance(task))
    if plot:
        plot_calibration(plot, rows)
    if as_json:
        print_json(rows)
    else:
        print_table("Reached rate by asked rate", list(rows[0]), [list(r.values()) for r in rows])
    judged = points - WARM_UP_POINTS
    rates = [rate for rate in rows[0] if rate != "series" and float(rate) * judged >= 30]
    if any(not 0.5 <= row[rate] / float(rate) <= 2 for row in rows for rate in rates):
        raise SystemExit(1)

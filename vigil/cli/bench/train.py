"""`vigil bench train`: many series at once, against one model a series."""

import click

from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("train")
@click.option("--series", type=click.IntRange(1), default=10_000, show_default=True,
              help="Generated series of four weeks of 5-minute points.")  # fmt: skip
@click.option("--loop-series", type=click.IntRange(1), default=8, show_default=True,
              help="So many of them by the naive loop of one Darts model a series.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the generated series.")
@json_option
def command(series: int, loop_series: int, seed: int, as_json: bool) -> None:
    """Many series trained at once, against one model a series.

    Both are judged on the same last day of the same series, by MASE; the speedup is in series a
    second of this run.

    Exit codes: 0 at least 50 times as fast as the loop, 1 not.
    """
    from vigil.bench.train import bench_train
    from vigil.workbench import quiet_libraries

    quiet_libraries()
    with progress_bar() as bar:
        task = bar.add_task("training series", total=series + loop_series)
        result = bench_train(series, loop_series, seed, lambda done: bar.advance(task, done))
    if as_json:
        print_json(result.summary())
    else:
        print_facts("Training at scale", result.summary())
    raise SystemExit(0 if result.speedup >= 50 else 1)

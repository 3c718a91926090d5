"""`vigil bench features`: many series at once, against one at a time."""

import click

from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("features")
@click.option("--series", type=click.IntRange(1), default=2_000, show_default=True,
              help="Generated series of four weeks of 5-minute points.")  # fmt: skip
@click.option("--loop-series", type=click.IntRange(1), default=100, show_default=True,
              help="So many of them by pandas and by Darts, one after the other.")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of the generated series.")
@json_option
def command(series: int, loop_series: int, seed: int, as_json: bool) -> None:
    """Features of many series at once, against one series at a time.

    Level, spread, season, residual, ratio with yesterday and lag of each step, as the asset
    `features` makes them. pandas makes the same, Darts the level and the spread only.
    """
    from vigil.bench.features import PEERS, bench_features
    from vigil.workbench import quiet_libraries

    quiet_libraries()
    with progress_bar() as bar:
        task = bar.add_task("features", total=series + len(PEERS) * loop_series)
        facts = bench_features(series, loop_series, seed, lambda done: bar.advance(task, done))
    if as_json:
        print_json(facts)
    else:
        print_facts("Features", facts)

"""`vigil bench`: the project's own benchmarks, one file each."""

import click

from vigil.cli.lazy import LazyGroup

BENCHMARKS = {
    "series": "Labelled production series: VUS-PR, alert F1, false alarms on clean series.",
    "nab": "The Numenta Anomaly Benchmark.",
    "calibration": "Clean generated series of all kinds: false-alarm rate asked for and reached.",
    "train": "Many series trained at once, against one model a series.",
    "ledger": "Size of the decision ledger and time of an answer.",
    "rca": "Root causes of injected faults: top 1, top 3, time, beside three peers.",
    "recovery": "Kill, stall, poison and fill at random moments; count what was lost.",
}


@click.group("bench", cls=LazyGroup, package="vigil.cli.bench", summaries=BENCHMARKS)
def command() -> None:
    """Measure Vigil on public data and seeded workloads, with peers in the same run.

    Each benchmark prints a table, or JSON with --json. Exit codes: 0 done, 1 a benchmark that
    asserts something found it broken, 2 the data are not there.
    """

"""`vigil bench`: the project's own benchmarks, one file each."""

import click

from vigil.cli.lazy import LazyGroup

BENCHMARKS = {
    "fuzz": "Malformed and adversarial input against a running receiver.",
    "collect": "OTLP spans a second into the log, beside a bare FastAPI handler.",
    "series": "Labelled production series: VUS-PR, alert F1, false alarms on clean series.",
    "nab": "The Numenta Anomaly Benchmark.",
    "logs": "Template miners on labelled logs: grouping accuracy by system, lines per second.",
    "redaction": "What taking secrets out of records costs.",
    "calibration": "Clean generated series of all kinds: false-alarm rate asked for and reached.",
    "features": "Features of many series at once, against one series at a time.",
    "train": "Many series trained at once, against one model a series.",
    "alerts": "Alert quality on a simulated month, beside two common policies.",
    "ledger": "Size of the decision ledger and time of an answer.",
    "stream": "Throughput of the stream against reading alone, scoring time, memory.",
    "rca": "Root causes of injected faults: top 1, top 3, time, beside three peers.",
    "forecast": "Forecasts of real series: MASE, WIS, coverage, cost; ten thousand in one batch.",
    "breach": "Warnings of breaches on simulated drifts: recall, lead, precision, reliability.",
    "recovery": "Kill, stall, poison and fill at random moments; count what was lost.",
}


@click.group("bench", cls=LazyGroup, package="vigil.cli.bench", summaries=BENCHMARKS)
def command() -> None:
    """Measure Vigil on public data and seeded workloads, with peers in the same run.

    Each benchmark prints a table, or JSON with --json. Exit codes: 0 done, 1 a benchmark that
    asserts something found it broken, 2 the data are not there.
    """

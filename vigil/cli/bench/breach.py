"""`vigil bench breach`: warnings of breaches on simulated drifts."""

from pathlib import Path

import click

from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("breach")
@click.option("--record-seeds", default=40, show_default=True, help="Seeds that make the record.")
@click.option("--judged-seeds", default=40, show_default=True, help="Other seeds, to be judged.")
@click.option("--plot", type=OutFile(PLOTS), help="PNG of the reliability diagram.")
@json_option
def command(record_seeds: int, judged_seeds: int, plot: Path | None, as_json: bool) -> None:
    """Warn of breaches four hours ahead on simulated ramps, leaks, growth and steady series.

    Each series is forecast every half hour as if the rest were unknown. The first seeds make the
    record that calibrates the probabilities; others, kept aside, are judged.

    Exit codes: 0 recall is at least 0.9 with half an hour of lead, precision 0.8 and every well
    filled bin within 0.1 of what came true, 1 not so, 2 wrong use.
    """
    from vigil.bench.breach import bench_breach, plot_reliability, replays

    if min(record_seeds, judged_seeds) < 1:
        raise click.UsageError("--record-seeds and --judged-seeds must be >= 1")
    with progress_bar() as bar:
        task = bar.add_task("replaying", total=replays(record_seeds, judged_seeds))
        figures, judged = bench_breach(record_seeds, judged_seeds, lambda: bar.advance(task))
    if plot:
        plot_reliability(plot, judged)
    if as_json:
        print_json(figures)
    else:
        bins = figures.pop("reliability")
        print_table("Reliability", list(bins[0]), [list(row.values()) for row in bins])
        print_facts("Breach warnings", figures)
        figures["reliability"] = bins
    raise SystemExit(0 if figures["holds"] else 1)

"""`vigil bench rca`: who is blamed, on real injections and simulated faults."""

from pathlib import Path

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

NAMES = ("vigil", "random_walk", "baro", "z_score")


@click.command("rca")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Nezha's folder.  [default: VIGIL_DATASETS]"
)
@click.option("--simulated", default=24, show_default=True, help="Faults of the simulator.")
@click.option("--seed", default=1, show_default=True, help="Of the simulator.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run only this one; may be repeated.  [default: all]",
)
@click.option(
    "--commands",
    default=0,
    show_default=True,
    help="Also time the whole `vigil rca` command, start-up included, on so many cases.",
)
@click.option("--cases", "by_case", is_flag=True, help="One row a case instead of the summary.")
@json_option
def command(
    data: Path | None,
    simulated: int,
    seed: int,
    methods: tuple[str, ...],
    commands: int,
    by_case: bool,
    as_json: bool,
) -> None:
    """Rank the cause of each fault: Vigil, a random walk, BARO and the largest z-score.

    Real injections into two systems (Nezha) and faults of the simulator, one configuration for
    all. top1 and top3: part of the cases where the cause is first, or among the first three.
    """
    from vigil.bench.rca import bench_rca, nezha_cases, simulated_cases, summary, time_command
    from vigil.config import load_settings

    folder = data or load_settings().datasets / "nezha"
    cases = [*nezha_cases(folder), *simulated_cases(simulated, seed)]
    with progress_bar() as bar:
        task = bar.add_task("searching causes", total=len(cases))
        rows = bench_rca(cases, methods or NAMES, lambda: bar.advance(task))
    shown = rows if by_case else summary(rows)
    timed = time_command(cases, commands) if commands else {}
    if as_json:
        print_json({"rows": shown, "whole_command": timed} if timed else shown)
    else:
        if timed:
            print_facts("Whole command", timed)
        print_table("Root causes", list(shown[0]), [list(row.values()) for row in shown])

"""`vigil train`: what the Dagster assets do, without Dagster."""

import uuid
from datetime import UTC, datetime

import click

from vigil.cli.options import end_option, folds_option, series_per_group_option, start_option
from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("train")
@start_option
@end_option
@series_per_group_option
@folds_option
@json_option
def command(
    start: datetime | None,
    end: datetime | None,
    series_per_group: int,
    folds: int,
    as_json: bool,
) -> None:
    """Backtest all candidates, fit the winners, and write a challenger bundle.

    Candidates are the files in models/. Nothing is promoted: see `vigil promote --best`.

    \b
    Example:
      vigil train --from 2026-03-02 --to 2026-03-04

    Exit codes: 0 done, 1 not enough history (what is needed is said), 3 the database is down.
    """
    from vigil.backtest.candidate import find_candidates
    from vigil.backtest.folds import backtest
    from vigil.cli.training import load_training
    from vigil.workbench import make_challenger, quiet_libraries, record, require_series

    quiet_libraries()
    utc = [moment.replace(tzinfo=UTC) if moment else None for moment in (start, end)]
    with load_training(*utc) as (registry, observations, training), progress_bar() as bar:
        require_series(training)
        candidates = find_candidates()
        folding = bar.add_task("backtesting", total=None)
        results = backtest(
            training, candidates, series_per_group, folds,
            lambda done, total, what: bar.update(folding, completed=done, total=total),
        )  # fmt: skip
        record(registry, uuid.uuid4().hex, training, results)
        fitting = bar.add_task("fitting the winners", total=None)
        challenger = make_challenger(
            registry, training, observations, results, candidates,
            lambda done, total, what: bar.update(fitting, completed=done, total=total),
        )  # fmt: skip
    facts = {
        "bundle_id": challenger.bundle_id,
        "mase": round(challenger.mase, 4),
        "series": challenger.series,
        "excluded": len(training.excluded),
        **{f"winner for {group}": name for group, name in challenger.winners.items()},
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Challenger", facts)

"""`vigil backtest`: the numbers, without making a bundle."""

import uuid
from datetime import UTC, datetime

import click

from vigil.cli.options import end_option, folds_option, series_per_group_option, start_option
from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("backtest")
@click.option("--candidate", "names", multiple=True, help="Only this one; may be repeated.")
@start_option
@end_option
@series_per_group_option
@folds_option
@json_option
def command(
    names: tuple[str, ...],
    start: datetime | None,
    end: datetime | None,
    series_per_group: int,
    folds: int,
    as_json: bool,
) -> None:
    """Backtest candidates by rolling origin and rank them in each group of series.

    Forecasters are ranked by MASE (below 1 beats the seasonal naive forecast in training), by RMSSE
    where series are mostly zero, times the price of what they cost: tenfold time must buy 2 % of
    error, tenfold memory 1 %. Detectors are ranked by average precision on seeded anomalies
    injected into real series.

    Exit codes: 0 done, 1 not enough history, 2 unknown candidate, 3 the database is down.
    """
    from vigil.backtest.candidate import find_candidates
    from vigil.backtest.folds import backtest
    from vigil.backtest.results import standings
    from vigil.cli.training import load_training
    from vigil.workbench import quiet_libraries, record, require_series

    quiet_libraries()
    candidates = find_candidates(names)
    utc = [moment.replace(tzinfo=UTC) if moment else None for moment in (start, end)]
    with load_training(*utc) as (registry, _, training), progress_bar() as bar:
        require_series(training)
        task = bar.add_task("backtesting", total=None)
        results = backtest(
            training, candidates, series_per_group, folds,
            lambda done, total, what: bar.update(task, completed=done, total=total),
        )  # fmt: skip
        record(registry, uuid.uuid4().hex, training, results)
    columns = ("role", "group", "candidate", "library", "score", "fit s", "MiB", "priced")
    rows = [
        (
            row.role,
            row.series_group,
            row.candidate,
            row.library,
            f"{row.score:.3f}",
            f"{row.fit_s:.3f}",
            f"{row.peak_mib:.1f}",
            f"{row.priced:.3f}",
        )
        for row in standings(results)
    ]
    if as_json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print_table("Backtest, best first", columns, rows)

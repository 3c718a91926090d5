"""`vigil bench forecast`: forecasters on real series, and a batch of ten thousand."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigil.cli.bench.options import data_option
from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from vigil.bench.forecast import ForecastCase

NAMES = (
    "vigil", "seasonal_naive", "auto_ets", "mstl", "darts_lightgbm", "sktime_theta", "prophet",
)  # fmt: skip


@click.command("forecast")
@data_option
@click.option(
    "--forecaster",
    "forecasters",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run only this one beside seasonal_naive; may be repeated.  [default: all]",
)
@click.option("--origins", default=4, show_default=True, help="Moments a series is cut at.")
@click.option("--series", "most", type=int, help="Judge only the first so many series a family.")
@click.option("--batch", default=10_000, show_default=True, help="Series of the batch; 0 for none.")
@click.option("--plot", type=click.Path(path_type=Path), help="PNG of coverage by family.")
@click.option(
    "--cross-validate",
    "held_out",
    is_flag=True,
    help="Choose settings on all families but one and judge Vigil on that one, for each.",
)
@json_option
def command(
    data: Path | None,
    forecasters: tuple[str, ...],
    origins: int,
    most: int | None,
    batch: int,
    plot: Path | None,
    held_out: bool,
    as_json: bool,
) -> None:
    """Forecast real series 1 h and 24 h ahead from several origins: MASE, WIS, coverage, cost.

    The folder holds FAMILY/SERIES.csv with timestamp and value. Peers run on the same histories:
    statsforecast (seasonal naive, AutoETS, MSTL), Darts (LightGBM quantiles), sktime (Theta),
    Prophet. Then one batch of simulated hourly series of four weeks is timed.

    \b
    Examples:
      vigil bench forecast --forecaster vigil --origins 10 --plot coverage.png
      vigil bench forecast --series 1 --batch 0 --json
      vigil bench forecast --cross-validate --origins 8
    """
    import warnings

    from vigil.bench.forecast import bench_forecasters, forecast_cases, plot_coverage, summarise
    from vigil.bench.forecast_batch import bench_batch
    from vigil.bench.forecast_peers import FORECAST_PEERS
    from vigil.config import load_settings

    if origins < 1:
        raise click.UsageError(f"--origins must be >= 1, got {origins}")
    warnings.simplefilter("ignore")
    folder = data or load_settings().datasets / "cloud-monitoring" / "data"
    names = list(dict.fromkeys(("seasonal_naive", *(forecasters or NAMES))))
    cases = forecast_cases(folder, origins)
    if most is not None:
        cases = _first_series(cases, most)
    if held_out:
        _cross_validate(cases, as_json)
        return
    with progress_bar() as bar:
        task = bar.add_task("forecasting", total=len(cases) * len(names))
        results = bench_forecasters(
            cases, {name: FORECAST_PEERS[name] for name in names}, lambda: bar.advance(task)
        )
        if batch:
            task = bar.add_task("batch", total=batch)
            cost = bench_batch(batch, lambda done, total: bar.update(task, completed=done))
    if plot:
        plot_coverage(plot, results)
    rows = summarise(results)
    if as_json:
        print_json({"forecasts": rows, "batch": cost if batch else None})
        return
    print_table("Forecasts", list(rows[0]), [list(row.values()) for row in rows])
    if batch:
        print_facts("One batch, a day ahead", cost)


def _first_series(cases: list["ForecastCase"], most: int) -> list["ForecastCase"]:
    """The cases of the first `most` series of each family."""
    kept: dict[str, dict[str, None]] = {}
    for case in cases:
        family = kept.setdefault(case.family, {})
        if len(family) < most:
            family.setdefault(case.series)
    return [case for case in cases if case.series in kept[case.family]]


def _cross_validate(cases: list["ForecastCase"], as_json: bool) -> None:
    from vigil.bench.forecast_crossval import cross_validate, settings_grid

    with progress_bar() as bar:
        task = bar.add_task("trying settings", total=len(cases) * (len(settings_grid()) + 1))
        rows = cross_validate(cases, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
        return
    print_table("Each family held out", list(rows[0]), [list(row.values()) for row in rows])

"""`vigil bench forecast`: forecasters on real series, and a batch of ten thousand."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigil.cli.bench.options import data_option
from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from vigil.bench.forecast import ForecastCase

NAMES = (
    "vigil", "seasonal_naive", "auto_ets", "mstl", "darts_lightgbm", "sktime_theta",
    "sktime_conformal", "sktime_theta_in_bands", "prophet",
)  # fmt: skip
# The table leaves the intervals to JSON.
SHOWN = (
    "family", "horizon", "forecaster", "mase", "relative_mase", "worst_series", "worst_at_least",
    "wis", "relative_wis", "covered_80", "covered_95", "cpu_s_per_1000", "cases", "failed",
)  # fmt: skip


@click.command("forecast")
@data_option
@click.option(
    "--forecaster",
    "forecasters",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run only this one beside vigil and seasonal_naive; may be repeated.  [default: all]",
)
@click.option(
    "--candidates", is_flag=True, help="Run each candidate of the workbench too, in Vigil's bands."
)
@click.option("--origins", default=60, show_default=True, help="Moments a series is cut at.")
@click.option(
    "--peer-origins", default=4, show_default=True, help="At how many of them peers forecast too."
)
@click.option("--series", "most", type=int, help="Judge only the first so many series a family.")
@click.option("--batch", default=10_000, show_default=True, help="Series of the batch; 0 for none.")
@click.option("--plot", type=OutFile(PLOTS), help="PNG of coverage by family.")
@click.option(
    "--simulator", is_flag=True, help="Judge on routes of the simulated estate instead of a folder."
)
@click.option("--seed", default=3, show_default=True, help="Of the simulated estate.")
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
    candidates: bool,
    origins: int,
    peer_origins: int,
    most: int | None,
    batch: int,
    plot: Path | None,
    simulator: bool,
    seed: int,
    held_out: bool,
    as_json: bool,
) -> None:
    """Forecast real series 1 h and 24 h ahead from several origins: MASE, WIS, coverage, cost.

    The folder holds FAMILY/SERIES.csv with timestamp and value; all origins lie in the second half
    of a series. Peers run on the same histories, at some of the origins: statsforecast (AutoETS,
    MSTL), Darts (LightGBM quantiles), sktime (Theta; another Theta in sktime's conformal intervals
    and in Vigil's bands), Prophet; `relative_mase` and `relative_wis` compare on the same cases.
    Then one batch of simulated hourly series of four weeks is timed.

    Few origins scatter: `asked` says of each figure whether it holds, or whether it is open since
    its 90 % interval reaches what is asked.

    \b
    Examples:
      vigil bench forecast --forecaster vigil --batch 0 --plot coverage.png
      vigil bench forecast --series 1 --origins 4 --json
      vigil bench forecast --series 1 --forecaster vigil --candidates
      vigil bench forecast --simulator --forecaster vigil --origins 24 --batch 0
      vigil bench forecast --cross-validate --origins 8

    Exit codes: 0 nothing that is asked fails, 1 something does, 2 wrong use.
    """
    import warnings

    from vigil.bench.forecast import (
        bench_forecasters,
        forecast_cases,
        forecasts_to_make,
        plot_coverage,
        summarise,
    )
    from vigil.bench.forecast_batch import bench_batch
    from vigil.bench.forecast_peers import FORECAST_PEERS, candidate_peers
    from vigil.bench.forecast_verdict import NO, verdict

    if origins < 1 or peer_origins < 1:
        raise click.UsageError(
            f"--origins and --peer-origins must be >= 1, got {origins} and {peer_origins}"
        )
    warnings.simplefilter("ignore")
    names = dict.fromkeys(("vigil", "seasonal_naive", *(forecasters or NAMES)))
    peers = {name: FORECAST_PEERS[name] for name in names}
    if candidates:
        peers |= candidate_peers()
    if simulator and data:
        raise click.UsageError("--simulator takes no --data")
    with _simulated(seed) if simulator else nullcontext(data or _production()) as folder:
        cases = forecast_cases(folder, origins, origins if held_out else peer_origins)
    if most is not None:
        cases = _first_series(cases, most)
    if held_out:
        _cross_validate(cases, as_json)
        return
    with progress_bar() as bar:
        task = bar.add_task("forecasting", total=forecasts_to_make(cases, peers))
        results = bench_forecasters(cases, peers, lambda: bar.advance(task))
        if batch:
            task = bar.add_task("batch", total=batch)
            cost = bench_batch(batch, lambda done, total: bar.update(task, completed=done))
    if plot:
        plot_coverage(plot, results)
    rows = summarise(results)
    asked = verdict(rows)
    if as_json:
        print_json({"asked": asked, "forecasts": rows, "batch": cost if batch else None})
    else:
        shown = [[row[name] for name in SHOWN] for row in rows]
        print_table("Forecasts", SHOWN, shown)
        print_table("Asked", list(asked[0]), [list(row.values()) for row in asked])
        if batch:
            print_facts("One batch, a day ahead", cost)
    raise SystemExit(1 if any(row["holds"] == NO for row in asked) else 0)


def _production() -> Path:
    from vigil.config import load_settings

    return load_settings().datasets / "cloud-monitoring" / "data"


@contextmanager
def _simulated(seed: int) -> Iterator[Path]:
    """A folder that is gone afterwards."""
    from vigil.bench.forecast_simulated import simulated_chunks, write_simulated

    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder, progress_bar() as bar:
        task = bar.add_task("simulating", total=simulated_chunks())
        write_simulated(Path(folder), seed, lambda: bar.advance(task))
        yield Path(folder)


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

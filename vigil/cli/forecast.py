"""`vigil forecast`: continue any csv of timestamps and values."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigil.cli.files import PLOTS, OutFile
from vigil.cli.output import json_option, print_facts, print_json, progress_bar

if TYPE_CHECKING:
    import numpy as np

    from vigil.forecast.series import SeriesForecast


@click.command("forecast")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--horizon", "steps", type=int, required=True, help="How many of the file's own steps to go on."
)
@click.option(
    "--out",
    type=OutFile(),
    required=True,
    help="Csv to write, replaced where it exists.",
)
@click.option("--plot", type=OutFile(PLOTS), help="PNG, SVG or PDF of history, forecast and band.")
@click.option("--holidays", "place", help="Country (DE, US-CA) whose holidays are like weekends.")
@click.option("--model", "named", help="A candidate of `vigil backtest` instead of the mixture.")
@json_option
def command(
    file: Path,
    steps: int,
    out: Path,
    plot: Path | None,
    place: str | None,
    named: str | None,
    as_json: bool,
) -> None:
    """Continue a csv whose first two columns are timestamp and value; others are ignored.

    Writes a row for each step after the last one: timestamp (in the file's own form), mean (the
    central forecast), p10, p50 and p90 (between p10 and p90 lie four values of five).

    The forecast is a mixture of simple ones, chosen for this file by forecasting its own past; the
    quantiles are the errors made there. Gaps, duplicates and any order of rows are fine. Where the
    history is too short for something, the notes say what is done instead.

    With --model it is the named candidate's forecast, and the quantiles are the model's own or
    the errors that it made when it forecast the file's past; more than two days are needed.

    \b
    Example:
      vigil forecast latency.csv --horizon 288 --out forecast.csv --plot forecast.png
      vigil forecast orders.csv --horizon 168 --out forecast.csv --holidays DE-BY
      vigil forecast latency.csv --horizon 288 --out forecast.csv --model sktime_theta

    Exit codes: 0 done, 2 the file cannot be used (line and value are named).
    """
    import polars as pl

    from vigil.collect.series_csv import read_series, timestamps_like
    from vigil.errors import InputError, UsageError
    from vigil.forecast.holidays import public_holidays
    from vigil.forecast.regular import usual_step_s
    from vigil.forecast.series import forecast_series

    if place and named:
        raise click.UsageError("--holidays is for the mixture: leave out --model")
    series = read_series(file)
    holidays: frozenset[int] = frozenset()
    if place:
        end_s = float(series.time_s.max()) + max(steps, 1) * usual_step_s(series.time_s)
        holidays = public_holidays(place, float(series.time_s.min()), end_s)
    go_on = _by_model(named) if named else partial(forecast_series, holidays=holidays)
    try:
        forecast = go_on(series.time_s, series.value, steps)
    except UsageError as error:
        raise InputError(f"{file} cannot be forecast: {error}") from error
    latest = series.timestamp[int(series.time_s.argmax())]
    rows = pl.DataFrame(
        {
            "timestamp": timestamps_like(latest, forecast.time_s),
            "mean": forecast.mean,
            **{f"p{level:.0%}"[:-1]: forecast.quantile[:, q]
               for q, level in enumerate(forecast.levels)},
        }
    )  # fmt: skip
    try:
        rows.write_csv(out)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    if plot:
        from vigil.forecast.plot import plot_forecast

        plot_forecast(plot, file.name, series.time_s, series.value, forecast)
    facts = {
        "rows": len(rows),
        "step_s": forecast.step_s,
        "seasons_steps": list(forecast.seasons),
        "mixture": {name: round(share, 3) for name, share in forecast.method.items()},
        "notes": list(forecast.notes),
        "out": str(out),
        "plot": str(plot) if plot else None,
    }
    if as_json:
        print_json(facts)
        return
    mixture = [f"{name} {share:.0%}" for name, share in list(forecast.method.items())[:5]]
    told = {
        "seasons_steps": ", ".join(map(str, forecast.seasons)) or "none",
        "mixture": ", ".join(mixture) + (", …" if len(forecast.method) > 5 else ""),
        "notes": "\n".join(forecast.notes) or "none",
    }
    print_facts("Forecast", {name: told.get(name, value) for name, value in facts.items() if value})


def _by_model(name: str) -> Callable[["np.ndarray", "np.ndarray", int], "SeriesForecast"]:
    from vigil.backtest.candidate import find_candidates
    from vigil.errors import UsageError
    from vigil.forecast.modelled import forecast_by_model

    [candidate] = find_candidates([name])
    if candidate.role != "forecaster":
        raise UsageError(f"--model must be a forecaster, {name} is a {candidate.role}")

    def go_on(time_s: "np.ndarray", value: "np.ndarray", steps: int) -> "SeriesForecast":
        with progress_bar() as bar:
            task = bar.add_task("forecasting the past", total=None)
            return forecast_by_model(
                name, candidate.build, time_s, value, steps,  # type: ignore[arg-type]
                progress=lambda done, total: bar.update(task, completed=done, total=total),
            )  # fmt: skip

    return go_on

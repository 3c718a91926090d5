"""`vigil breach`: how probable it is that a threshold breaks, with the record of saying so."""

from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("breach")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--above", type=float, help="The threshold breaks above this value.")
@click.option("--below", type=float, help="The threshold breaks below this value.")
@click.option("--horizon", "steps", type=int, required=True, help="Steps to look ahead.")
@click.option("--persist", default=3, show_default=True, help="Steps on end that make a breach.")
@click.option("--trigger", default=0.8, show_default=True, help="Least probability of a warning.")
@click.option("--replays", default=200, show_default=True, help="Past moments of the record.")
@json_option
def command(
    file: Path,
    above: float | None,
    below: float | None,
    steps: int,
    persist: int,
    trigger: float,
    replays: int,
    as_json: bool,
) -> None:
    """Say how probable it is that a csv's values pass a threshold soon, and when.

    The probability comes from simulated futures of the series; the same is done at past moments of
    the file, and what came of them is the record. A warning is made only when the record deserves
    it: at least ten warnings, surely more than half of which came true. Else the forecast is shown.

    \b
    Example:
      vigil breach p95.csv --above 500 --horizon 48

    Exit codes: 0 no warning, 1 a warning or broken already, 2 the file cannot be used.
    """
    import numpy as np

    from vigil.collect.series_csv import read_series
    from vigil.errors import UsageError
    from vigil.forecast.breach import Threshold, first_breach, forecast_breach
    from vigil.forecast.record import recalibrated, replay, standing
    from vigil.forecast.regular import regular

    if (above is None) == (below is None):
        raise click.UsageError("Give exactly one of --above and --below.")
    if persist < 1 or replays < 1:
        raise click.UsageError("--persist and --replays must be >= 1")
    limit = float(above if above is not None else below)  # type: ignore[arg-type]
    if not np.isfinite(limit):
        raise click.UsageError(f"The threshold must be a finite number, got {limit}")
    given = read_series(file)
    if not np.isfinite(given.value).any():
        raise UsageError(f"{file} holds no value")
    series = regular(given.time_s, given.value)
    threshold = Threshold(limit, above is not None, persist)
    now = forecast_breach(series.value, series.day_steps, threshold, steps)
    broken = bool(first_breach(series.value[None, -persist:], threshold)[0] < persist)
    first = max(24, len(series.value) // 4)
    origins = np.unique(np.linspace(first, len(series.value) - 1, replays).astype(int))
    with progress_bar() as bar:
        task = bar.add_task("replaying", total=len(origins))
        record = replay(
            series.value, series.day_steps, threshold, steps, origins,
            tick=lambda: bar.advance(task),
        )  # fmt: skip
    probability = 1.0 if broken else float(recalibrated(np.array([now.within]), record)[0])
    figures = standing(record, trigger)
    warns = not broken and probability >= trigger and figures.deserves_warnings
    hours = series.step_s / 3_600
    facts = {
        "probability": round(probability, 3),
        "within_h": round(steps * hours, 2),
        "hours_to_breach_p10_p50_p90": [
            None if np.isnan(step) else round(step * hours, 2) for step in now.steps_to_breach
        ],
        "reason": now.reason(threshold, series.step_s, float(series.value[-1])),
        "broken_now": broken,
        "warning": warns,
        "record": {
            "forecasts": figures.forecasts,
            "breaches": figures.breaches,
            "warnings": figures.warnings,
            "came_true": _rounded(figures.hit_rate),
            "median_lead_h": _rounded(figures.lead_steps * hours),
            "brier": _rounded(figures.brier),
            "brier_of_base_rate": _rounded(figures.climatology),
            "deserves_warnings": figures.deserves_warnings,
        },
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Breach", _told(facts))
    raise SystemExit(1 if warns or broken else 0)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts as people read them."""
    record = facts["record"]
    hours = facts["hours_to_breach_p10_p50_p90"]
    warnings = f"{record['warnings']} warnings"
    if record["warnings"]:
        warnings += f", of which {record['came_true']:.0%} came true"
    if record["median_lead_h"] is not None:
        warnings += f", {record['median_lead_h']:g} h ahead at the median"
    if record["brier"] is not None:
        warnings += f"; Brier {record['brier']:g}, base rate {record['brier_of_base_rate']:g}"
    return {
        f"probability within {facts['within_h']:g} h": facts["probability"],
        "hours to breach (10, 50, 90 %)": "broken already" if facts["broken_now"]
        else ", ".join(f"{hour:g}" for hour in hours) if hours[0] is not None
        else "no simulated future breaks it",
        "reason": facts["reason"],
        "record": f"{record['forecasts']} forecasts, {record['breaches']} breaches, {warnings}",
        "warning": "yes" if facts["warning"]
        else "no" if record["deserves_warnings"] else "no: the record does not deserve any",
    }  # fmt: skip


def _rounded(value: float) -> float | None:
    return None if value != value else round(value, 3)

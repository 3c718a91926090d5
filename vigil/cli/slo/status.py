"""`vigil slo status`: budgets now and soon."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("status")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--at", "at_text", help="Instant, ISO 8601.  [default: the last window's end]")
@click.option("--horizon-h", default=24.0, show_default=True, help="Hours to look ahead.")
@json_option
def command(file: Path, at_text: str | None, horizon_h: float, as_json: bool) -> None:
    """Show each objective's error budget, burn rates, alerts, and the chance that it runs out.

    Requests come from the windows that the scorer wrote. Alerts are those of the SRE workbook: 2 %
    of the budget in an hour, 5 % in six hours, 10 % in three days, each confirmed by a window a
    twelfth as long. The chance comes from simulated futures of the bad requests.

    Exit codes: 0 all hold, 1 a budget is gone or an alert fires, 2 the file is wrong, 3 the
    database is down.
    """
    from vigil.cli.time import parse_time
    from vigil.config import load_settings
    from vigil.objectives.openslo import in_words, read_objectives
    from vigil.stores.database import open_database
    from vigil.stores.timescale import WindowStore

    if horizon_h <= 0:
        raise click.UsageError(f"--horizon-h must be > 0, got {horizon_h}")
    objectives = read_objectives(file)
    store = WindowStore(open_database(load_settings()))
    span = store.span()
    newest = span[1] + timedelta(seconds=1) if span else None
    end_at = parse_time(at_text) if at_text else newest
    rows = [_row(store, objective, end_at, horizon_h) for objective in objectives]
    if as_json:
        print_json(rows)
    else:
        print_table("Objectives", list(rows[0]), [list(_told(row).values()) for row in rows])
        for row, objective in zip(rows, objectives, strict=True):
            if not row["requests"]:
                click.echo(f"note: no requests of {objective.name}: {in_words(objective.select)}")
    broken = any(row["firing"] or (row["budget_left"] or 0) < 0 for row in rows)
    raise SystemExit(1 if broken else 0)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return row | {"firing": ", ".join(row["firing"]) or "none"}


def _row(store: Any, objective: Any, end_at: datetime | None, horizon_h: float) -> dict[str, Any]:
    import numpy as np

    from vigil.forecast.panel import LEAST_STEPS
    from vigil.foresight.bad_share import STEP_S, read_counts
    from vigil.objectives.budget import budget_status, exhaustion_probability
    from vigil.objectives.indicators import chosen_keys

    row: dict[str, Any] = {"objective": objective.name, "target": objective.target}
    if end_at is None or chosen_keys(store.series(), objective).is_empty():
        return row | {"requests": 0, "good": None, "budget_left": None, "burn_1h": None,
                      "firing": [], "exhausted_in_h": None, "chance_exhausted": None}  # fmt: skip
    start_at = end_at - timedelta(seconds=objective.window_s)
    counts, _ = read_counts(store, objective, start_at, end_at)
    found = budget_status(counts, objective.target, objective.window_s)
    chance = None
    if len(counts.total) >= LEAST_STEPS:
        steps = max(1, round(horizon_h * 3_600 / STEP_S))
        chance = exhaustion_probability(counts, objective.target, objective.window_s, steps)[-1]
    return row | {
        "requests": int(counts.total.sum()),
        "good": _rounded(found.share_good, 6),
        "budget_left": round(found.budget_left, 4),
        "burn_1h": _rounded(found.burn_rates[3_600], 2),
        "firing": [f"{alert.severity} {alert.long_s // 3_600}h" for alert in found.firing],
        "exhausted_in_h": _rounded(found.exhausted_in_s / 3_600, 1)
        if np.isfinite(found.exhausted_in_s) else None,
        "chance_exhausted": None if chance is None else round(float(chance), 3),
    }  # fmt: skip


def _rounded(value: float, digits: int) -> float | None:
    return None if value != value else round(value, digits)

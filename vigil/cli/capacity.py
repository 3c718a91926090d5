"""`vigil capacity`: when traffic reaches a limit, and what if."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from vigil.cli.output import json_option, print_facts, print_json


@click.command("capacity")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--limit", type=float, required=True, help="What can be carried, in the file's unit.")
@click.option("--days", default=180, show_default=True, help="How far to look ahead.")
@click.option("--times", default=1.0, show_default=True, help="What if there were so much more?")
@click.option("--regions", type=int, help="What if one of so many equal regions failed over?")
@json_option
def command(
    file: Path, limit: float, days: int, times: float, regions: int | None, as_json: bool
) -> None:
    """Say when the daily peaks of a csv reach a limit, with the doubt about their growth.

    Growth is that of the daily peaks (with the season of the day) and of the daily means (without
    it). Dates come from simulated futures; none is given beyond the horizon. Two weeks are needed.

    \b
    Examples:
      vigil capacity rps.csv --limit 1200
      vigil capacity rps.csv --limit 1200 --times 2        traffic doubles
      vigil capacity rps.csv --limit 1200 --regions 3      one of three regions fails over

    Exit codes: 0 the limit holds, 1 it is more likely than not to be reached, 2 wrong use.
    """
    import numpy as np

    from vigil.collect.series_csv import read_series
    from vigil.errors import UsageError
    from vigil.forecast.capacity import failover_times, saturation
    from vigil.forecast.regular import regular

    if not (0 < limit < np.inf and 0 < times < np.inf and days >= 1):
        raise click.UsageError("--limit and --times must be > 0 and finite, --days >= 1")
    given = read_series(file)
    if not np.isfinite(given.value).any():
        raise UsageError(f"{file} holds no value")
    series = regular(given.time_s, given.value)
    factor = times * (failover_times(regions) if regions is not None else 1.0)
    found = saturation(series, limit, days, factor)
    end_at = datetime.fromtimestamp(series.end_s, UTC)

    def date(ahead: float) -> str | None:
        return (end_at + timedelta(days=ahead)).date().isoformat() if np.isfinite(ahead) else None

    early, middle, late = (date(ahead) for ahead in found.days)
    facts = {
        "limit": limit,
        "scenario_times": round(factor, 3),
        "peak": round(found.peak, 4),
        "headroom": round(found.headroom, 3),
        "growth_of_peaks_a_week": round(7 * found.peak_growth, 4),
        "growth_of_means_a_week": round(7 * found.mean_growth, 4),
        "probability": round(found.probability, 3),
        "within_days": days,
        "date_p10": early,
        "date_p50": middle,
        "date_p90": late,
    }
    if as_json:
        print_json(facts)
    else:
        dates = [date or f"not within {days} days" for date in (early, middle, late)]
        told = {
            "limit": f"{limit:g}",
            "scenario": f"{factor:g} times the traffic",
            "peak of the last week": f"{found.peak:.4g}, {found.peak / limit:.0%} of the limit",
            "growth of peaks a week": f"{7 * found.peak_growth:+.4g}",
            "growth of means a week": f"{7 * found.mean_growth:+.4g}",
            f"reached within {days} days": f"with probability {found.probability:.3g}",
            "reached on (10, 50, 90 %)": ", ".join(dates)
            if found.headroom > 0 else "it is reached already",
        }  # fmt: skip
        print_facts("Capacity", told)
    raise SystemExit(1 if found.probability > 0.5 else 0)

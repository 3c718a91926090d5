"""`vigil journeys`: what users do, by which way, and where its time goes."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from vigil.cli.output import json_option, print_json, print_table
from vigil.cli.time import parse_duration, parse_time

if TYPE_CHECKING:
    from vigil.config import Settings

MOST_HOPS = 15


@click.command("journeys")
@click.argument("traces", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--at",
    "at_text",
    help="Compare the time from here on with that before. Without TRACES: as of when.",
)
@click.option("--last", default="15m", show_default=True, help="Without TRACES: how long up to it.")
@click.option(
    "--compare",
    nargs=2,
    metavar="LEFT RIGHT",
    help="Two environments: how their latencies differ, for what both serve.",
)
@json_option
def command(
    traces: tuple[Path, ...],
    at_text: str | None,
    last: str,
    compare: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Show the journeys in TRACES: files or folders of OTLP JSON, NDJSON, Parquet, Arrow, Nezha.

    A journey is named after its entry and its way across environments. Shown are rate, errors,
    latency, and each hop's self time and part of the critical path. With --at, how much slower
    each journey became at that instant, in which hops, and what its bad requests have in common.

    Without TRACES: the journeys that the scorer has completed from the stream, by minute.

    \b
    Examples:
      vigil journeys --last 1h
      vigil journeys traces.parquet
      vigil journeys traces.parquet --at 2026-03-02T12:30:00
      vigil journeys traces.parquet --compare aws-prod azure-prod

    Exit codes: 0 done, 1 no journey was completed in that time, 2 wrong use or input that cannot
    be read, 3 the database is down.
    """
    import polars as pl

    from vigil.collect.evidence import read_evidence
    from vigil.config import load_settings
    from vigil.errors import InputError
    from vigil.journeys.comparison import compare_environments
    from vigil.journeys.explain import explain, journeys_of
    from vigil.journeys.paths import hop_table, journey_table

    settings = load_settings()
    if not traces:
        if compare:
            raise click.UsageError("--compare needs TRACES: journeys are kept as a whole")
        _completed(settings, at_text, last, as_json)
    limits = settings.limits
    now_at = datetime.now(UTC)
    events = read_evidence(traces, "events", now_at, now_at, limits)
    if events is None:
        raise InputError(f"no spans in {', '.join(map(str, traces))}")
    spans = journeys_of(events)
    length_s = float(spans.select(pl.col("end_us").max() - pl.col("start_us").min()).item()) / 1e6
    tables = {
        "journeys": journey_table(spans, max(length_s, 1.0)).to_dicts(),
        "hops": hop_table(spans).to_dicts(),
    }
    if compare:
        found = compare_environments(spans, *compare)
        tables["comparison"] = [
            asdict(item) | {"difference_ms": item.difference_ms, "certain": item.certain}
            for item in found
        ]
    if at_text:
        at_us = round(parse_time(at_text).timestamp() * 1e6)
        tables["changes"] = [
            {
                "journey": item.excess.journey,
                "change_ms": item.excess.change_ms,
                "words": item.excess.sentence(),
                "bad_requests": item.bad_requests,
                "in_common": [subset.sentence() for subset in item.common],
                "parts": [asdict(part) for part in item.excess.parts],
            }
            for item in explain(spans, at_us)
        ]
    if as_json:
        print_json(tables)
        return
    for name, rows in tables.items():
        if rows:
            kept = [key for key in rows[0] if key != "parts"]
            shown = [[_short(row[key]) for key in kept] for row in rows[:MOST_HOPS]]
            print_table(name.capitalize(), kept, shown)


def _completed(settings: "Settings", at_text: str | None, last: str, as_json: bool) -> NoReturn:
    """Show what the scorer has completed, and exit."""
    from vigil.stores.database import open_database
    from vigil.stores.journeys import JourneyStore

    length = timedelta(seconds=parse_duration(last))
    store = JourneyStore(open_database(settings))
    newest = store.newest()
    until_at = parse_time(at_text) if at_text else newest and newest + timedelta(minutes=1)
    found = store.between(until_at - length, until_at).to_dicts() if until_at else []
    if as_json:
        print_json({"until_at": until_at, "last_s": length.total_seconds(), "journeys": found})
    else:
        columns = list(found[0]) if found else ["journey"]
        rows = [[_short(value) for value in row.values()] for row in found]
        print_table(f"Journeys in {last} up to {until_at}", columns, rows)
    raise SystemExit(0 if found else 1)


def _short(value: object) -> object:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"
    return "; ".join(value) if isinstance(value, list) else value

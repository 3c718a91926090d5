"""`vigil rca`: services ranked by how likely they are the cause."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import click
import orjson

from vigil.cli.files import OutFile
from vigil.cli.output import json_option, print_json, print_table


@click.command("rca")
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--logs", multiple=True, type=click.Path(path_type=Path, exists=True), help="May be repeated."
)
@click.option(
    "--metrics",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="May be repeated.",
)
@click.option(
    "--changes",
    type=click.Path(path_type=Path, exists=True),
    help="NDJSON of deploys, flags, …, as for `vigil changes add --file`.",
)
@click.option("--at", "at_text", required=True, help="When it began: ISO 8601, UTC without a zone.")
@click.option("--out", type=OutFile(), help="JSON file to write.")
@json_option
def command(
    traces: tuple[Path, ...],
    logs: tuple[Path, ...],
    metrics: tuple[Path, ...],
    changes: Path | None,
    at_text: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Rank the services in TRACES by how likely they caused what began at an instant.

    TRACES, and what --logs and --metrics name, are files or folders: OTLP JSON, NDJSON, Parquet or
    Arrow of events, the csv.gz of the Nezha data set. What lies before --at is the past to compare
    with: give some of it. Nothing later than three minutes after --at is looked at.

    The ranking is a list of {service, environment, score, evidence}, best first. The score (0 to 1)
    joins what four observers say: requests that leave their usual way (steps and log statements
    missing or new), time lost in a hop or between two, resources that fill up, entries that lose
    their part of the traffic. A change shortly before adds to the score of what was changed.

    \b
    Examples:
      vigil rca traces.parquet --at 2026-03-01T10:20:00Z --out ranking.json
      vigil rca day/trace --logs day/log --metrics day/metric --at 2023-01-29T08:43:04

    Exit codes: 0 done, 1 nothing unusual was found, 2 input cannot be read.
    """
    from vigil.collect.changes import read_changes
    from vigil.collect.evidence import read_evidence
    from vigil.config import load_settings
    from vigil.errors import InputError
    from vigil.rootcause.changes import changes_frame
    from vigil.rootcause.ranking import LOOK_AHEAD, rank_causes

    at = _instant(at_text)
    settings = load_settings()
    limits = settings.limits

    found = {}
    for kind, paths in (("events", traces), ("logs", logs), ("metrics", metrics)):
        found[kind] = read_evidence(paths, kind, at, at + LOOK_AHEAD, limits) if paths else None
        if paths and found[kind] is None:
            what = f"no {kind} before {at + LOOK_AHEAD} in {', '.join(map(str, paths))}"
            if kind == "events":
                raise InputError(what)
            click.echo(f"vigil: {what}: ranked without them", err=True)
    events = found["events"]
    assert events is not None
    changed = changes_frame(read_changes(changes)) if changes else None
    ranking = [
        asdict(cause) for cause in rank_causes(events, at, found["logs"], found["metrics"], changed)
    ]
    if out:
        try:
            out.write_bytes(orjson.dumps(ranking, option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise InputError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        print_json(ranking)
    else:
        rows = [
            (c["service"], c["environment"], f"{c['score']:.2f}", "; ".join(c["evidence"]))
            for c in ranking[:5]
            if c["score"] > 0
        ]
        columns = ("service", "environment", "score", "evidence")
        print_table(f"Probable causes of what began at {at:%Y-%m-%d %H:%M:%SZ}", columns, rows)
    raise SystemExit(0 if ranking and ranking[0]["score"] > 0 else 1)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"must be ISO 8601, got {text!r}", param_hint="--at") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)

"""`vigil logs search`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import click

from vigil.cli.output import json_option, print_json
from vigil.cli.time import parse_duration, parse_time

# Logs tell of a cause a little before the incident, and of its end a little after.
_BEFORE, _AFTER = timedelta(minutes=5), timedelta(minutes=1)


@click.command("search")
@click.argument("query", default="")
@click.option(
    "--since", default="1h", show_default=True, help="A duration (90m, 7d) or an instant."
)
@click.option("--until", default="now", show_default=True, help="An instant, UTC without a zone.")
@click.option("--service", "services", multiple=True, help="Only this service; may be repeated.")
@click.option("--environment", help="Only this environment.")
@click.option("--tenant", help="Only this tenant.")
@click.option("--severity", help="This severity or a graver one: TRACE, DEBUG, INFO, WARN, …")
@click.option("--template", help="A template's id, or a part of its text in any case.")
@click.option("--trace", "traces", multiple=True, help="Only lines of this trace.")
@click.option("--incident", help="Services and time of this incident, in place of --since.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many lines at most.",
)
@json_option
def command(
    query: str, since: str, until: str, severity: str | None, incident: str | None, as_json: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Find log lines by words, the newest LIMIT of them in the order of time.

    QUERY: all words must be in a line, in any case; `-word` must not; `"some words"` stand side by
    side; `begin*` goes on. A word is letters and digits, so `timeout=30` is two. Lines that say the
    same are sampled: `×40` stands for 40 lines, and the sums below count all of them.

    \b
    Examples:
      vigil logs search "refused -healthz" --since 2h --service checkout
      vigil logs search --severity ERROR --template "card of <*> refused"
      vigil logs search --trace 4bf92f3577b34da6a3ce929d0e0e4736 --since 1d
      vigil logs search --incident inc-5d3a --severity WARN

    Exit codes: 0 done, 1 nothing is found, 2 wrong use, 3 the database or the sink is down.
    """
    from vigil.config import load_settings
    from vigil.logs.words import parse_query
    from vigil.stores.database import open_database
    from vigil.stores.log_lines import LineQuery
    from vigil.stores.sinks import open_sink

    end_at = parse_time(until)
    start_at = _start(since, end_at)
    if incident:
        start_at, end_at, asked["services"] = _incident(incident, asked["services"])
    settings = load_settings()
    engine = open_database(settings)
    sink = open_sink(settings, engine)
    found = sink.lines(
        LineQuery(
            start_at, end_at, parse_query(query), severity=_severity(severity),
            services=tuple(asked["services"]), trace_ids=tuple(asked["traces"]),
            **{name: asked[name] for name in ("environment", "tenant", "template", "limit")},
        )
    )  # fmt: skip
    sink.close()
    engine.dispose()
    documents = list(reversed(found.documents))
    if as_json:
        print_json({"lines": found.lines, "kept": found.kept, "documents": documents})
    else:
        for document in documents:
            click.echo(_shown(document))
        click.echo(
            f"{found.lines} lines, {found.kept} of them kept, {len(documents)} shown", err=True
        )
    raise SystemExit(0 if found.kept else 1)


def _start(since: str, end_at: datetime) -> datetime:
    try:
        return end_at - timedelta(seconds=parse_duration(since))
    except click.BadParameter:
        return parse_time(since)


def _severity(name: str | None) -> int | None:
    import polars as pl

    from vigil.logs.severity import CLASSES, NUMBERS, severity_class

    if name is None:
        return None
    known = severity_class(pl.Series([name]))[0]
    if known is None:
        raise click.BadParameter(f"--severity must be one of {', '.join(CLASSES)}, got {name!r}")
    return NUMBERS[known]


def _incident(
    incident: str, services: tuple[str, ...]
) -> tuple[datetime, datetime, tuple[str, ...]]:
    """(from, until, services) of an incident."""
    from vigil.cli.operator import operator

    with operator() as store:
        document = store.story(incident)["incident"]
    ended_at = document["resolved_at"] or datetime.now(UTC).isoformat()
    return (
        datetime.fromisoformat(document["opened_at"]) - _BEFORE,
        datetime.fromisoformat(ended_at) + _AFTER,
        services or tuple(document["services"]),
    )


def _shown(document: dict[str, Any]) -> str:
    """A line as in a log file."""
    at = datetime.fromisoformat(document["@timestamp"])
    times = document["vigil"]["lines"]
    level = document.get("log", {}).get("level", "-")
    service = document.get("service", {}).get("name", "-")
    count = f" ×{times}" if times > 1 else ""
    return f"{at:%Y-%m-%d %H:%M:%S.%f} {level:<5} {service}{count} {document['message']}"

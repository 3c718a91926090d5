"""`vigil label`: an operator's verdict on an incident or a window."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from vigil.cli.output import json_option, print_json, print_table

# Series, its name, the window, and what was decided of it.
Judged = tuple[int, str, datetime, dict[str, Any]]


@click.command("label")
@click.argument("what", nargs=-1, required=True, metavar="INCIDENT | SERIES TIME")
@click.argument("verdict", type=click.Choice(["true", "false", "expected"]))
@click.option("--note", default="", help="Why, for those who come after.")
@json_option
def command(what: tuple[str, ...], verdict: str, note: str, as_json: bool) -> None:
    """Say what an alert was worth; running scorers learn it within seconds.

    false: deviations of this size are tolerated in these series from now on. true: they never are,
    whatever is called false later. expected: a confirmed change, such as a deploy; the series are
    learnt afresh. Later messages about similar incidents say the verdict and the note.

    INCIDENT stands for the most unusual window of each of its series; it may be a part of the id.
    SERIES and TIME are given as for `vigil why`.

    \b
    Examples:
      vigil label inc-5d3a false --note "load test"
      vigil label "payments latency_ms_p95 POST /payments" 2026-03-02T12:00:30 false

    Exit codes: 0 kept, 1 no such window is known, 2 INCIDENT or SERIES means none or several, 3 the
    database is down.
    """
    from vigil.config import load_settings
    from vigil.detect.feedback import Verdict, deviation_of
    from vigil.stores.database import open_database
    from vigil.stores.labels import LabelStore
    from vigil.stores.timescale import WindowStore
    from vigil.stream.scoring import kind_of

    if len(what) > 2:
        raise click.UsageError(f"give an incident, or a series and a time, got {' '.join(what)!r}")
    judged = _incident(*what) if len(what) == 1 else _window(*what)
    engine = open_database(load_settings())
    rows = []
    try:
        store = LabelStore(engine)
        metrics = dict(WindowStore(engine).series().select("series_id", "metric").iter_rows())
        for series_id, name, at, decision in judged:
            values = [
                float("nan") if decision[key] is None else decision[key]
                for key in ("actual", "expected", "upper")
            ]
            deviation = deviation_of(kind_of(metrics[series_id]), *values)
            label = store.add(series_id, at, Verdict(verdict), deviation, note)
            rows.append(
                {
                    "label": label.label_id,
                    "series": name,
                    "window": at.isoformat(),
                    "verdict": verdict,
                    "deviations": round(deviation, 2),
                }
            )
    finally:
        engine.dispose()
    if as_json:
        print_json(rows if len(what) == 1 else rows[0])
    else:
        print_table("Labelled", list(rows[0]), [list(row.values()) for row in rows])


def _incident(incident: str) -> Iterator[Judged]:
    """The worst window of each series that the incident's document lists."""
    from vigil.cli.operator import operator
    from vigil.errors import UsageError
    from vigil.incidents.incident import series_name

    with operator() as verbs:
        document = verbs.story(incident)["incident"]
    if not document.get("series"):
        raise UsageError(f"incident {document['incident_id']} has no series left to judge")
    for item in document["series"]:
        at = datetime.fromisoformat(item["worst_at"])
        yield item["series_id"], series_name(item["metric"], item), at, item


def _window(series: str, time: str) -> Iterator[Judged]:
    """One window, as the ledger knows it."""
    from vigil.cli.ledger_question import ask

    answer = ask(series, time)
    if answer.window_start is None:
        click.echo("\n".join(answer.words), err=True)
        raise SystemExit(1)
    yield answer.series_id, answer.series, answer.window_start, dict(answer.decisions[-1])

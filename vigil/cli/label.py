"""`vigil label`: an operator's verdict on an incident or a window."""

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("label")
@click.argument("what", nargs=-1, required=True, metavar="INCIDENT | SERIES TIME")
@click.argument("verdict", type=click.Choice(["true", "false", "expected"]))
@click.option("--note", default="", help="Why, for those who come after.")
@click.option("--by", help="Whose verdict it is.  [default: the user at this terminal]")
@json_option
def command(what: tuple[str, ...], verdict: str, note: str, by: str | None, as_json: bool) -> None:
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
    from vigil.alerts.labelling import label_incident, label_window
    from vigil.alerts.operator import who
    from vigil.cli.ledger_question import ledger
    from vigil.cli.operator import operator
    from vigil.cli.time import parse_time
    from vigil.detect.feedback import Verdict

    said = (Verdict(verdict), note, by or who())
    if len(what) == 1:
        with operator() as verbs, ledger() as (engine, _):
            kept = label_incident(engine, verbs.story(what[0])["incident"], *said)
    elif len(what) == 2:
        with ledger() as (engine, answering):
            kept = [label_window(engine, answering, what[0], parse_time(what[1]), *said)]
    else:
        raise click.UsageError(f"give an incident, or a series and a time, got {' '.join(what)!r}")
    rows = [
        {
            "label": label.label_id,
            "series": label.series,
            "window": label.window_start.isoformat(),
            "verdict": verdict,
            "deviations": round(label.deviation, 2),
        }
        for label in kept
    ]
    if as_json:
        print_json(rows if len(what) == 1 else rows[0])
    else:
        print_table("Labelled", list(rows[0]), [list(row.values()) for row in rows])

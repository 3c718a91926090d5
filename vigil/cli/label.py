"""`vigil label`: an operator's verdict on a window."""

import click

from vigil.cli.output import json_option, print_facts, print_json


@click.command("label")
@click.argument("series")
@click.argument("time")
@click.argument("verdict", type=click.Choice(["true", "false", "expected"]))
@click.option("--note", default="", help="Why, for those who come after.")
@click.option("--by", help="Whose verdict it is.  [default: the user at this terminal]")
@json_option
def command(series: str, time: str, verdict: str, note: str, by: str | None, as_json: bool) -> None:
    """Say what an alert on SERIES at TIME was worth; running scorers learn it within seconds.

    false: deviations of this size are tolerated in this series from now on. true: they never are,
    whatever is called false later. expected: a confirmed change, such as a deploy; the series is
    learnt afresh. SERIES and TIME are given as for `vigil why`.

    \b
    Example:
      vigil label "payments latency_ms_p95 POST /payments" 2026-03-02T12:00:30 false

    Exit codes: 0 kept, 1 no such window is known, 2 SERIES means none or several, 3 the database
    is down.
    """
    from vigil.alerts.labelling import label_window
    from vigil.alerts.operator import who
    from vigil.cli.ledger_question import ledger
    from vigil.cli.time import parse_time
    from vigil.detect.feedback import Verdict

    with ledger() as (engine, answering):
        kept = label_window(
            engine, answering, series, parse_time(time), Verdict(verdict), note, by or who()
        )
    facts = {
        "label": kept.label_id,
        "series": kept.series,
        "window": kept.window_start.isoformat(),
        "verdict": verdict,
        "deviations": round(kept.deviation, 2),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Labelled", facts)

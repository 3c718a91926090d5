"""`vigil label`: an operator's verdict on a window."""

import click

from vigil.cli.output import json_option, print_facts, print_json


@click.command("label")
@click.argument("series")
@click.argument("time")
@click.argument("verdict", type=click.Choice(["true", "false", "expected"]))
@click.option("--note", default="", help="Why, for those who come after.")
@json_option
def command(series: str, time: str, verdict: str, note: str, as_json: bool) -> None:
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

    import polars as pl

    from vigil.cli.ledger_question import ask
    from vigil.config import load_settings
    from vigil.detect.feedback import Verdict, deviation_of
    from vigil.stores.database import open_database
    from vigil.stores.labels import LabelStore
    from vigil.stores.timescale import WindowStore
    from vigil.stream.scoring import kind_of

    answer = ask(series, time)
    if answer.window_start is None:
        click.echo("\n".join(answer.words), err=True)
        raise SystemExit(1)
    engine = open_database(load_settings())
    try:
        known = WindowStore(engine).series().filter(pl.col("series_id") == answer.series_id)
        metric = known["metric"].item()
        last = answer.decisions[-1]
        values = [
            float("nan") if last[n] is None else last[n] for n in ("actual", "expected", "upper")
        ]
        deviation = deviation_of(kind_of(metric), *values)
        label = LabelStore(engine).add(
            answer.series_id, answer.window_start, Verdict(verdict), deviation, note
        )
    finally:
        engine.dispose()
    facts = {
        "label": label.label_id,
        "series": answer.series,
        "window": answer.window_start.isoformat(),
        "verdict": verdict,
        "deviations": round(deviation, 2),
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Labelled", facts)

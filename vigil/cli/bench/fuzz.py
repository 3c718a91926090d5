"""`vigil bench fuzz`: bad input against a running receiver."""

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("fuzz")
@click.option("--payloads", default=20_000, show_default=True, help="Requests sent.")
@click.option("--connections", default=1_000, show_default=True, help="Slow ones beside them.")
@click.option("--seed", default=1, show_default=True, help="Which requests are drawn.")
@json_option
def command(payloads: int, connections: int, seed: int, as_json: bool) -> None:
    """Malformed and adversarial requests against a receiver in a process of its own.

    Bit flips, truncations, zip bombs, deep and broken JSON, huge numbers, wrong content types,
    duplicated ids, cyclic parents, clocks in the future, distinct routes, oversized attributes and
    good requests in turn, while slow connections lie open. Then the log is read: what was accepted
    must be there, and every good span must have been accepted.

    Exit codes: 0 all of it holds, 1 something does not, 3 the receiver did not start.
    """
    import tempfile
    from pathlib import Path

    from vigil.bench.fuzzing.campaign import fuzz

    with tempfile.TemporaryDirectory(prefix="vigil-fuzz-") as folder, progress_bar() as bar:
        task = bar.add_task("requests", total=payloads)
        report = fuzz(
            Path(folder), payloads, connections, seed, lambda done: bar.advance(task, done)
        )
    if as_json:
        print_json(report)
    else:
        answers = report.pop("answers")
        rows = [(kind, status, n) for kind, by in answers.items() for status, n in by.items()]
        print_table("Answers", ("kind", "status", "requests"), rows)
        print_facts("Verdict", report)
    raise SystemExit(0 if report["holds"] else 1)

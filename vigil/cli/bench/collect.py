"""`vigil bench collect`: spans a second through the receiver into the log."""

import click

from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("collect")
@click.option("--seconds", default=8.0, show_default=True, help="Length of each measurement.")
@click.option("--connections", default=16, show_default=True, help="Senders at the same time.")
@click.option("--rounds", default=3, show_default=True, help="How often both are measured.")
@json_option
def command(seconds: float, connections: int, rounds: int, as_json: bool) -> None:
    """OTLP/HTTP spans a second until durable, beside a bare FastAPI handler with protobuf classes.

    Both servers run here in turn, with the same requests of 512 spans and the same kind of log:
    first at full speed; then half the speed each had is sent evenly, and the time until the
    acknowledgement measured. Figures are medians over the rounds. Senders and server share this
    machine's cores. Exit codes: 0 done, 1 an acknowledged span is not in the log.
    """
    import tempfile
    from pathlib import Path

    from vigil.bench.collecting.compare import bench_collect

    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder, progress_bar() as bar:
        task = bar.add_task("servers", total=2 * rounds)
        rows = bench_collect(Path(folder), seconds, connections, rounds, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
    else:
        print_table("OTLP/HTTP into the log", list(rows[0]), [list(r.values()) for r in rows])
    raise SystemExit(1 if any(row["acknowledged_spans_not_in_log"] for row in rows) else 0)

"""`vigil bench collect`: spans a second through the receiver into the log."""

import click

from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("collect")
@click.option("--seconds", default=10.0, show_default=True, help="Length of each measurement.")
@click.option("--connections", default=16, show_default=True, help="Senders at the same time.")
@json_option
def command(seconds: float, connections: int, as_json: bool) -> None:
    """OTLP/HTTP spans a second until durable, beside a bare FastAPI handler with protobuf classes.

    Both servers run here, one after the other, with the same requests of 512 spans and the same
    kind of log. Then half the speed each had is sent evenly, and the time until the acknowledgement
    measured. Senders and server share this machine's cores. Exit codes: 0 done, 1 an acknowledged
    span is not in the log.
    """
    import tempfile
    from pathlib import Path

    from vigil.bench.collecting.compare import bench_collect

    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder, progress_bar() as bar:
        task = bar.add_task("servers", total=2)
        rows = bench_collect(Path(folder), seconds, connections, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
    else:
        print_table("OTLP/HTTP into the log", list(rows[0]), [list(r.values()) for r in rows])
    raise SystemExit(0 if all(row["all_stored"] for row in rows) else 1)

"""`vigil ingest`: files into the event log."""

from contextlib import closing
from pathlib import Path

import click

from vigil.cli.access_logs import access_log_options, chosen_access_log
from vigil.cli.output import json_option, print_json, print_table, progress_bar


@click.command("ingest")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice(["events", "metrics", "logs"]), help="[default: by the fields]"
)
@click.option("--metric", help="Name of the metric of a bare csv.  [default: the file's name]")
@access_log_options
@click.option("--strict", is_flag=True, help="Exit with 1 when there are dead letters.")
@json_option
def command(
    files: tuple[Path, ...],
    kind: str | None,
    metric: str | None,
    layout: str | None,
    pattern: str | None,
    paths: tuple[str, ...],
    at_end: bool,
    strict: bool,
    as_json: bool,
    **identity: str | None,
) -> None:
    """Read FILES into the event log: .ndjson, .jsonl, .json, .csv (also .gz), .parquet, .arrow.

    What cannot be used goes to the dead letters with field, rule, value and place; the rest goes
    on, and accepted + dead = read. A csv of only timestamp and value is a metric named after its
    file, of a service named after its folder. Several files are merged by event time.

    \b
    Examples:
      vigil ingest requests.ndjson
      vigil ingest cloud-monitoring/data/*/*.csv
      vigil ingest /var/log/nginx/access.log* --format nginx --service shop

    Exit codes: 0 done, 1 dead letters under --strict, 2 a file cannot be read, 3 the log is down.
    """
    from vigil.collect.ingest import ingest_files
    from vigil.config import load_settings
    from vigil.stores import open_log

    access_log = chosen_access_log(layout, pattern, paths, at_end, identity)
    settings = load_settings()
    with closing(open_log(settings)) as event_log, progress_bar() as bar:
        task = bar.add_task("reading files", total=len(files))
        counts = ingest_files(
            event_log,
            files,
            settings.limits,
            kind,
            metric,
            lambda path: bar.advance(task),
            access_log,
        )
    rows = [(item.file, item.kind, item.read, item.accepted, item.dead) for item in counts]
    columns = ("file", "kind", "read", "accepted", "dead")
    if as_json:
        print_json(
            [
                dict(zip(columns, row, strict=True)) | {"reasons": item.reasons}
                for row, item in zip(rows, counts, strict=True)
            ]
        )
    else:
        print_table("Ingested", columns, rows)
        for reason in [reason for item in counts for reason in item.reasons][:10]:
            click.echo(f"dead: {reason}")
    raise SystemExit(strict and any(item.dead for item in counts))

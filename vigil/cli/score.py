"""`vigil score`: the streaming scorer."""

import signal
import threading

import click

from vigil.cli.output import json_option, log_to_stderr, print_facts, print_json
from vigil.errors import UsageError


@click.command("score")
@click.option("--drain", is_flag=True, help="Stop at the log's end, closing the last windows.")
@click.option("--quiet", is_flag=True, help="Do not print alerts.")
@click.option("-v", "--verbose", is_flag=True, help="Log every commit.")
@click.option(
    "--engine",
    type=click.Choice(["vigil", "workers", "flink"]),
    help="Who makes windows: this process, workers that run elsewhere, or the Flink job"
    " (docs/scale.md).  [default: vigil]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    help="Start so many workers here, which share Kafka's partitions out.",
)
@json_option
def command(
    drain: bool, quiet: bool, verbose: bool, engine: str | None, workers: int | None, as_json: bool
) -> None:
    """Read the event log, cut it into windows, score each, raise and resolve incidents.

    Runs until Ctrl-C (or SIGTERM), which ends it after the step in hand. A killed scorer goes on
    from its last checkpoint: no event is lost or counted twice. A promoted bundle is picked up
    within a second or two, without restart. A second scorer stands by and takes over when the
    first is gone. Outages of log, database, sink and webhook are waited for.

    Where one core is not enough, --workers N starts N processes that decode events and fold them
    into windows; this one scores them, with the same results. On other machines `vigil work` adds
    more; with --engine workers all are there. It needs Kafka with as many partitions; docs/scale.md
    says when it pays.

    VIGIL_METRICS_ADDRESS=HOST:PORT serves /metrics to Prometheus; OTEL_EXPORTER_OTLP_ENDPOINT=URL
    sends a trace of each step.

    \b
    Examples:
      vigil score                 run for ever
      vigil score --drain --json  score what is there, then print the counts
      vigil score --workers 4     share the partitions among four processes
      vigil score --engine flink  take windows and scores from the Flink job

    Exit codes: 0 stopped as asked, 2 wrong setting or choice, 3 log or database is down at
    the start, or, with --drain, the sink is.
    """
    from vigil.config import load_settings
    from vigil.stores.checkpoint import CONSUMER
    from vigil.stream.assembly import Engine, keep_scoring, score_with_workers
    from vigil.stream.telemetry import exporting_spans

    if workers is not None and engine in ("vigil", "flink"):
        raise UsageError(f"--workers goes with --engine workers, got {engine}")
    log_to_stderr(verbose)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    show = None if quiet else click.echo
    with exporting_spans(CONSUMER):
        settings = load_settings()
        if workers or engine == Engine.WORKERS:
            counters = score_with_workers(settings, CONSUMER, show, stop, drain, workers or 0)
        else:
            chosen = Engine(engine or Engine.VIGIL)
            counters = keep_scoring(settings, CONSUMER, show, stop, drain, chosen)
    if as_json:
        print_json(counters)
    elif drain:
        print_facts("Scored", counters)

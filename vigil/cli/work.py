"""`vigil work`: one worker of a scorer that shares its partitions out."""

import contextlib
import os
import signal
import threading

import click

from vigil.cli.output import json_option, log_to_stderr, print_facts, print_json

# One process a core: a worker's own threads would only take turns. The libraries read this when
# they are loaded.
ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1"}


@click.command("work")
@click.option("--drain", is_flag=True, help="Stop at the ends of the partitions.")
@click.option("--beside", type=int, metavar="PID", help="Stop when this process has ended.")
@click.option("-v", "--verbose", is_flag=True, help="Log every commit.")
@json_option
def command(drain: bool, beside: int | None, verbose: bool, as_json: bool) -> None:
    """Fold a share of the event log's partitions into windows, for `vigil score --workers`.

    That command starts workers on its own machine; this one adds one on another, with the same
    VIGIL_LOG_URL and VIGIL_STORE_URL. Start one for each core. Kafka shares the partitions out
    among all of them, again whenever one comes or goes. A worker waits until a scorer has begun.

    Runs until Ctrl-C (or SIGTERM), which hands over what it has. One that was killed is missed
    after ten seconds; another reads again what it had not handed over: no event is lost or counted
    twice.

    \b
    Examples:
      vigil score --engine workers  on one machine: gather, score and alert
      vigil work                    on others, once for each core

    Exit codes: 0 stopped as asked, 2 wrong setting (such as a log that is not Kafka's), 3 log or
    database is down at the start, or with --drain.
    """
    for name, value in ONE_THREAD.items():
        os.environ.setdefault(name, value)
    from vigil.config import load_settings
    from vigil.stores.checkpoint import CONSUMER
    from vigil.stream.workers.service import keep_working

    log_to_stderr(verbose)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if beside is not None:
        threading.Thread(target=_stop_after, args=(beside, stop), daemon=True).start()
    counters = keep_working(load_settings(), CONSUMER, stop, drain)
    if as_json:
        print_json(counters)
    elif drain:
        print_facts("Folded", counters)


def _stop_after(pid: int, stop: threading.Event) -> None:
    """Set `stop` when the process has ended."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait()
    stop.set()

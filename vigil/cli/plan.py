"""`vigil plan`: what switching on will cost and bring."""

import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigil.cli.access_logs import access_log_options, chosen_access_log
from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

if TYPE_CHECKING:
    from vigil.stores.log import EventLog

# The simulated estate that stands for one that is only described.
SIMULATED_H = 8
SPANS_PER_TRACE = 3.2


@click.command("plan")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--routes", type=int, help="Without files: how many routes the estate will have.")
@click.option("--requests-per-s", type=float, help="Without files: requests of all routes.")
@click.option("--times", default=1.0, show_default=True, help="Estate, in samples.")
@click.option("--days", default=30, show_default=True, help="How long to store for.")
@click.option("--from", "from_text", default="now", show_default=True, help="Switched on then.")
@click.option(
    "--kind", type=click.Choice(["events", "metrics", "logs"]), help="[default: by the fields]"
)
@click.option("--metric", help="Name of the metric of a bare csv.  [default: the file's name]")
@access_log_options
@json_option
def command(
    files: tuple[Path, ...],
    routes: int | None,
    requests_per_s: float | None,
    times: float,
    days: int,
    from_text: str,
    kind: str | None,
    metric: str | None,
    layout: str | None,
    pattern: str | None,
    paths: tuple[str, ...],
    at_end: bool,
    as_json: bool,
    **identity: str | None,
) -> None:
    """Say what switching on will cost and bring, before it is switched on.

    FILES are a sample, as `vigil ingest` reads them: some hours of events, metrics or access logs,
    best a whole day. They go through the real scorer and a real database in a temporary folder;
    nobody is told of anything. From what that took follow memory, CPU, storage, the date on which
    each group of series is warm, the alerts to expect by your policy (VIGIL_POLICY), and which
    series are too sparse and what is done with them.

    Without files, --routes and --requests-per-s describe the estate, and simulated traffic stands
    for it: costs are then right, alerts those of a simulated estate without faults.

    \b
    Examples:
      vigil plan access.log.gz --format nginx --service shop
      vigil plan yesterday.parquet --times 12 --days 90
      vigil plan --routes 400 --requests-per-s 1500 --json

    Exit codes: 0 done, 2 wrong use or a file cannot be read, 3 the rehearsal did not run.
    """
    from vigil.alerts.policy import configured_policy
    from vigil.cli.time import parse_time
    from vigil.config import load_settings
    from vigil.plan.estimate import document, plan_of
    from vigil.plan.rehearsal import rehearse, scratch_settings

    described = routes is not None and requests_per_s is not None
    if bool(files) == described or (routes is None) != (requests_per_s is None):
        raise click.UsageError("give sample FILES, or both --routes and --requests-per-s")
    if times <= 0 or days < 1:
        raise click.UsageError(f"--times must be > 0 and --days >= 1, got {times} and {days}")
    settings = load_settings()
    policy = configured_policy(settings)
    access_log = chosen_access_log(layout, pattern, paths, at_end, identity)
    with tempfile.TemporaryDirectory(prefix="vigil-plan-") as folder, progress_bar() as bar:
        scratch = scratch_settings(Path(folder))
        if files:
            fill = _files(files, scratch, kind, metric, access_log, bar)
        else:
            assert routes is not None
            assert requests_per_s is not None
            fill, times = _described(routes, requests_per_s, bar)
        task = bar.add_task("scoring the sample", total=None)
        found = rehearse(
            scratch, policy, fill, lambda done, total: bar.update(task, completed=done, total=total)
        )
        plan = plan_of(found, scratch, parse_time(from_text), days, times)
    if as_json:
        print_json(document(plan))
    else:
        _show(document(plan))


def _files(
    files: tuple[Path, ...], scratch: Any, kind: str | None, metric: str | None, access_log: Any,
    bar: Any,
) -> Callable[["EventLog"], object]:  # fmt: skip
    from vigil.collect.ingest import ingest_files

    task = bar.add_task("reading files", total=len(files))
    return lambda event_log: ingest_files(
        event_log, files, scratch.limits, kind, metric, lambda path: bar.advance(task), access_log
    )


def _described(
    routes: int, requests_per_s: float, bar: Any
) -> tuple[Callable[["EventLog"], object], float]:
    """Simulated traffic with as many requests a route, and how often it fits into the estate."""
    from vigil.events.schema import TOPIC_EVENTS
    from vigil.simulate import SimulationPlan, chunk_count, simulate_chunk
    from vigil.simulate.estate import JOURNEYS
    from vigil.stores.arrow_messages import arrow_messages

    if routes < 1 or requests_per_s <= 0:
        raise click.UsageError("--routes must be >= 1 and --requests-per-s > 0")
    hops = [hop for journey in JOURNEYS for hop in journey.root.walk()]
    simulated = len({(hop.service, hop.environment.name, hop.method, hop.route) for hop in hops})
    times = routes / simulated
    start_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    plan = SimulationPlan(
        start_at - timedelta(hours=SIMULATED_H), SIMULATED_H * 3600,
        requests_per_s / times / SPANS_PER_TRACE, seed=0,
    )  # fmt: skip

    def fill(event_log: "EventLog") -> None:
        for index in bar.track(range(chunk_count(plan)), description="simulating hours"):
            event_log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(plan, index)))

    return fill, times


def _carried(needed: dict[str, Any]) -> str:
    """Who carries the busiest hour, in words."""
    hour = f"{needed['one_process_cores']} cores, at {needed['busiest']} times the mean: "
    if not needed["workers"]:
        return f"{hour}one process is enough"
    return (
        f"{hour}more than one process; vigil score --workers {needed['workers']}, on"
        f" {needed['worker_cores']} cores beside the scorer's {needed['gathering_cores']}"
    )


def _show(plan: dict[str, Any]) -> None:
    alerts = plan["alerts"]
    print_facts(
        f"Plan for {plan['days']} days",
        {
            "series": plan["series"],
            "records a second": plan["events_per_s"],
            "scorer memory": f"{plan['scorer_mib']:.0f} MiB, and"
            f" {plan['catch_up_mib']:.0f} MiB while it catches up after a day's outage",
            "scorer CPU": f"{plan['scorer_cores']} to {plan['scorer_cores_most']} cores on average",
            "in the busiest hour": _carried(plan["processes"]),
            "database CPU": f"{plan['database_cores']} to {plan['database_cores_most']} cores on"
            " average",
            "PostgreSQL": f"{plan['database_mib']} MiB",
            "with TimescaleDB": f"{plan['timescale_mib']} MiB",
            "Elasticsearch, if used": f"{plan['elasticsearch_mib']} MiB",
            "event log": f"{plan['log_mib_a_day']} MiB a day",
            "incidents a week": f"{alerts['incidents_a_week']}"
            f" ({alerts['incidents_low']} to {alerts['incidents_high']})",
            "pages a week": alerts["pages_a_week"],
        },
    )
    for title, name in (
        ("Storage", "storage"), ("Documents", "documents"), ("Ready from", "warm_up"),
        ("Sparse series", "sparse"),
    ):  # fmt: skip
        rows = plan[name]
        if rows:
            values = [
                [", ".join(value) if isinstance(value, list) else value for value in row.values()]
                for row in rows
            ]
            print_table(title, [column.replace("_", " ") for column in rows[0]], values)
    for note in plan["notes"]:
        click.echo(f"note: {note}")

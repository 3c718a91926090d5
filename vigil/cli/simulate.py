"""`vigil simulate`: the load of a multi-cloud estate."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vigil.cli.files import OutFile
from vigil.cli.output import json_option, print_facts, print_json, progress_bar

if TYPE_CHECKING:
    from vigil.simulate import SimulationPlan

SUFFIXES = (".parquet", ".ndjson", ".arrow")


@click.command("simulate")
@click.option("--out", type=OutFile(SUFFIXES), help="File to write.")
@click.option("--to-log", is_flag=True, help="Append to the event log instead of a file.")
@click.option("--start", type=click.DateTime(), help="First instant, UTC.  [default: a day ago]")
@click.option("--hours", type=float, default=24.0, show_default=True, help="Simulated time.")
@click.option("--traces-per-s", type=float, default=2.5, show_default=True, help="Average load.")
@click.option("--seed", type=int, default=0, show_default=True, help="Same seed, same events.")
@click.option("--faults", type=int, default=0, show_default=True, help="Faults to inject.")
@click.option("--labels", type=OutFile(), help="Where to write the truth.")
@json_option
def command(
    out: Path | None,
    to_log: bool,
    start: datetime | None,
    hours: float,
    traces_per_s: float,
    seed: int,
    faults: int,
    labels: Path | None,
    as_json: bool,
) -> None:
    """Generate requests of 12 services in three environments, as multi-hop traces.

    Load has a daily and a weekly season; faults (latency step and ramp, error burst, traffic drop
    to zero, one region slow, deploy regression) are injected in the second half and written to the
    labels file. The suffix of --out chooses the format: .parquet, .ndjson or .arrow.

    \b
    Examples:
      vigil simulate --hours 6 --faults 6 --out events.parquet --labels faults.json
      vigil simulate --hours 72 --to-log

    Exit codes: 0 done, 2 wrong use, 3 the event log is down.
    """
    from vigil.simulate import SimulationPlan, plan_faults, write_labels

    if to_log == (out is not None):
        raise click.UsageError("Give exactly one of --out and --to-log.")
    if faults < 0:
        raise click.UsageError(f"--faults must be >= 0, got {faults}")
    moment = start.replace(tzinfo=UTC) if start else datetime.now(UTC) - timedelta(hours=hours)
    end = moment + timedelta(hours=hours)
    planned = plan_faults(seed, moment + (end - moment) / 2, end, faults)
    plan = SimulationPlan(moment, round(hours * 3600), traces_per_s, seed, planned)
    if labels:
        write_labels(labels, seed, moment, end, planned)
    events = _to_log(plan) if out is None else _to_file(plan, out)
    facts = {
        "events": events,
        "start_at": moment.isoformat(),
        "end_at": end.isoformat(),
        "faults": len(planned),
        "to": str(out) if out else "event log",
        "labels": str(labels) if labels else None,
    }
    if as_json:
        print_json(facts)
    else:
        print_facts("Simulated", facts)


def _to_log(plan: "SimulationPlan") -> int:
    from vigil.config import load_settings
    from vigil.events.schema import TOPIC_EVENTS
    from vigil.simulate import chunk_count, simulate_chunk
    from vigil.stores import open_log
    from vigil.stores.arrow_messages import arrow_messages

    events = 0
    with closing(open_log(load_settings())) as event_log, progress_bar() as bar:
        for index in bar.track(range(chunk_count(plan)), description="simulating hours"):
            table = simulate_chunk(plan, index)
            event_log.append(TOPIC_EVENTS, arrow_messages(table))
            events += table.num_rows
    return events


def _to_file(plan: "SimulationPlan", out: Path) -> int:
    """Written under another name and renamed, so that an interrupted run leaves no half file."""
    from vigil.collect.files import open_writer
    from vigil.events.schema import EVENTS
    from vigil.simulate import chunk_count, simulate_chunk

    events = 0
    partial = out.with_name(f".{out.name}.partial")
    with open_writer(partial, out.suffix, EVENTS) as write, progress_bar() as bar:
        for index in bar.track(range(chunk_count(plan)), description="simulating hours"):
            table = simulate_chunk(plan, index)
            write(table)
            events += table.num_rows
    partial.rename(out)
    return events

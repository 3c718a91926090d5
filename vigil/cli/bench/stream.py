"""`vigil bench stream`: throughput beside the limit and other libraries, latency, checkpoints."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

if TYPE_CHECKING:
    import pyarrow as pa

PATH_NAMES = ("json-kafka", "arrow-kafka", "arrow-sqlite")
# A single JSON event costs several times as much as one of a batch.
JSON_SHARE = 8
# So long as much as can be is sent, to see what the machine carries.
CARRIED_S = 10


@click.command("stream")
@click.option(
    "--path",
    "names",
    multiple=True,
    type=click.Choice(PATH_NAMES),
    help="Measure only this one; may be repeated.  [default: all]",
)
@click.option(
    "--events",
    type=click.IntRange(1_000),
    default=4_000_000,
    show_default=True,
    help="Events in the log; an eighth of them where each is a JSON message.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    help="Rounds; medians are shown.",
)
@click.option("--series", default=10_000, show_default=True, help="Series in the scored window.")
@click.option("--seed", default=1, show_default=True, help="Of the simulated traffic.")
@click.option(
    "--peers", is_flag=True, help="Bytewax, Quix Streams and river too, in their own environment."
)
@click.option(
    "--latency", "latency_s", default=0, show_default=True,
    help="Also feed live Arrow batches through Kafka for so many seconds, at half of the rate that"
    " the machine carries with their sender.",
)  # fmt: skip
@click.option(
    "--soak-minutes", default=0.0, show_default=True,
    help="Also replay 20 times as fast as time, with late, doubled and broken events; Ctrl-C ends"
    " it with what there is.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1),
    help="Also share the partitions of Kafka's paths, and those of the soak, among so many"
    " processes.",
)  # fmt: skip
@click.option(
    "--core-share", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE",
    help="Hold each of the workers to so much of a core, as on a machine with more and slower ones"
    " (Linux; needs control groups that may be written).",
)  # fmt: skip
@click.option("--against", metavar="COMMIT", help="Compare throughput with that of this commit.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder: add the result to stream.jsonl, draw stream.png, the results over time, and"
    " soak.png, memory and lag of the last soak.",
)
@json_option
def command(
    names: tuple[str, ...],
    events: int,
    rounds: int,
    series: int,
    seed: int,
    peers: bool,
    latency_s: int,
    soak_minutes: float,
    workers: int | None,
    core_share: float | None,
    against: str | None,
    keep: Path | None,
    as_json: bool,
) -> None:
    """Measure the whole stream against reading and decoding alone, in the same run.

    The scorer reads a full log to its end: windows, features, scores, incidents, and commits to a
    real PostgreSQL. The limit reads and decodes the same messages, without Vigil's code, and does
    nothing with them; from Kafka also with the client's own settings, which wait. All take turns,
    and so do the peers. Kafka paths start a real broker, which needs java and mvn; the peers are
    installed by pip when they are first asked for.

    Exit codes: 0 done, 3 a server cannot be started or the peers cannot be installed.
    """
    wanted = names or PATH_NAMES
    if workers and not any(name.endswith("kafka") for name in wanted):
        raise click.UsageError("--workers needs a path through Kafka")
    if core_share and not workers:
        raise click.UsageError("--core-share is of --workers")
    if against:
        options = ["--events", str(events), "--seed", str(seed), "--series", "100"]
        options += [word for name in wanted for word in ("--path", name)]
        _compare(against, options, rounds, as_json)
        return
    from vigil.bench.circumstances import circumstances
    from vigil.bench.stream.history import keep as keep_result
    from vigil.bench.stream.load import traffic
    from vigil.bench.stream.peers.environment import PINS

    about = circumstances() | ({"peers": " ".join(PINS)} if peers else {})
    report: dict[str, Any] = {"circumstances": about}
    with ExitStack() as opened:
        bar = opened.enter_context(progress_bar())
        through_kafka = sum(name.endswith("kafka") for name in wanted)
        total = rounds * (len(wanted) * 2 + through_kafka + 3 * peers + 1)
        total += rounds * 2 * through_kafka * bool(workers)
        total += bool(latency_s) + bool(soak_minutes)
        task = bar.add_task("measuring", total=total)

        def tick() -> None:
            bar.advance(task)

        table = traffic(events, seed)
        report |= _measure(opened, wanted, table, rounds, series, peers, tick)
        if workers:
            report["workers"] = _shared(opened, wanted, table, rounds, workers, core_share, tick)
        report |= _live(opened, latency_s, soak_minutes, workers, seed, tick)
    kept = keep_result(keep, report) if keep else ()
    if as_json:
        print_json(report)
        return
    _print(report)
    for path in kept:
        click.echo(f"kept in {path}")


def _measure(
    opened: ExitStack, wanted: Any, table: "pa.Table", rounds: int, series: int, peers: bool,
    tick: Any,
) -> dict[str, Any]:  # fmt: skip
    from vigil.bench.stream import PATHS, measure_path, measure_scoring
    from vigil.bench.stream.peers.run import peer_rates
    from vigil.bench.stream.series import measure_checkpoint
    from vigil.bench.stream.servers import BenchServers

    servers = BenchServers(opened)
    timings = []
    for path in (path for path in PATHS if path.name in wanted):
        rows = _rows(table, path.form)
        beside = peer_rates(rows.num_rows) if peers and path.has_peers else {}
        settings = servers.settings(path.name, path.log)
        timings.append(measure_path(path, settings, rows, rounds, tick, beside))
        servers.stop()
    scoring = measure_scoring(series, rounds, tick)
    checkpoint = measure_checkpoint(servers.settings("checkpoint", "sqlite"), 10 * series)
    servers.stop()
    return {"throughput": timings, "scoring": scoring, "checkpoint": checkpoint}


def _rows(table: "pa.Table", form: str) -> "pa.Table":
    """Of single JSON messages fewer are enough to measure."""
    return table.slice(0, table.num_rows // JSON_SHARE) if form == "json" else table


def _shared(
    opened: ExitStack,
    wanted: Any,
    table: "pa.Table",
    rounds: int,
    workers: int,
    share: float | None,
    tick: Any,
) -> list[dict[str, Any]]:
    from vigil.bench.stream import PATHS
    from vigil.bench.stream.servers import BenchServers
    from vigil.bench.stream.sharing import measure_sharing

    servers, found = BenchServers(opened), []
    for path in (path for path in PATHS if path.name in wanted and path.log == "kafka"):
        rows = _rows(table, path.form)

        def new_settings(number: int, name: str = path.name) -> Any:
            servers.stop()
            return servers.settings(f"{name}-{number}", "kafka", partitions=workers)

        found.append(measure_sharing(path, new_settings, rows, workers, rounds, tick, share))
        servers.stop()
    return found


def _live(
    opened: ExitStack, latency_s: int, soak_minutes: float, workers: int | None, seed: int,
    tick: Any,
) -> dict[str, Any]:  # fmt: skip
    from vigil.bench.stream.live import carried_rate, measure_latency
    from vigil.bench.stream.servers import BenchServers
    from vigil.bench.stream.soak import soak

    servers, found = BenchServers(opened), {}
    if latency_s:
        carried = carried_rate(servers.settings("carried", "kafka"), CARRIED_S, seed)
        servers.stop()
        settings = servers.settings("latency", "kafka")
        latency = measure_latency(settings, carried / 2, latency_s, seed)
        found["latency"] = {"carried_events_per_s": round(carried), **latency}
        servers.stop()
        tick()
    if soak_minutes:
        settings = servers.settings("soak", "kafka", partitions=workers or 1)
        found["soak"] = soak(settings, soak_minutes, seed, workers)
        servers.stop()
        tick()
    return found


def _compare(commit: str, options: list[str], rounds: int, as_json: bool) -> None:
    from vigil.bench.stream.against import compare

    with progress_bar() as bar:
        task = bar.add_task("running both", total=2 * rounds)
        rows = compare(commit, options, rounds, lambda: bar.advance(task))
    if as_json:
        print_json(rows)
    else:
        print_table(f"Against {commit}", list(rows[0]), [list(row.values()) for row in rows])


def _print(report: dict[str, Any]) -> None:
    rows = report["throughput"]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    print_table(
        "Throughput, median", columns, [[row.get(name) for name in columns] for row in rows]
    )
    if "workers" in report:
        rows = report["workers"]
        print_table("One process beside workers", list(rows[0]), [list(r.values()) for r in rows])
    titles = {
        "scoring": "One closed window of each series",
        "checkpoint": "State and checkpoint of many series",
        "latency": "From a window's end and grace to the commit",
        "soak": "Replay at twenty times the speed",
        "circumstances": "Circumstances",
    }
    for name, title in titles.items():
        if name in report:
            facts = {key: said for key, said in report[name].items() if key != "readings"}
            print_facts(title, facts)

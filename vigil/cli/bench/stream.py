"""`vigil bench stream`: throughput, scoring time, memory."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar

COLUMNS = (
    "path", "events", "limit_events_per_s", "scorer_events_per_s", "ratio", "limit_cpu_s",
    "scorer_cpu_s",
)  # fmt: skip


@click.command("stream")
@click.option(
    "--path",
    "names",
    multiple=True,
    type=click.Choice(("json-kafka", "arrow-kafka", "arrow-sqlite")),
    help="Measure only this one; may be repeated.  [default: all]",
)
@click.option("--events", default=2_000_000, show_default=True, help="Events in the log.")
@click.option("--rounds", default=5, show_default=True, help="Rounds; medians are shown.")
@click.option("--series", default=10_000, show_default=True, help="Series in the scored window.")
@click.option("--seed", default=1, show_default=True, help="Of the simulated traffic.")
@json_option
def command(
    names: tuple[str, ...], events: int, rounds: int, series: int, seed: int, as_json: bool
) -> None:
    """Measure the whole stream against reading and decoding alone, in the same run.

    The scorer reads a full log to its end: windows, features, scores, incidents, and commits to a
    real PostgreSQL. The limit reads and decodes the same messages and does nothing with them. Both
    take turns. Kafka paths start a real broker, which needs java and mvn. Exit codes: 0 done, 3 a
    server cannot be started.
    """
    from vigil.bench.stream import PATHS, measure_path, measure_scoring, measure_state
    from vigil.bench.stream.load import traffic

    wanted = [path for path in PATHS if not names or path.name in names]
    table = traffic(events, seed)
    timings = []
    with ExitStack() as opened:
        servers = _Servers(opened)
        bar = opened.enter_context(progress_bar())
        task = bar.add_task("reading the log", total=2 * rounds * len(wanted) + rounds)

        def tick() -> None:
            bar.advance(task)

        for path in wanted:
            settings = servers.settings(path.name, path.log)
            timings.append(measure_path(path, settings, table, rounds, tick))
        scoring = measure_scoring(series, rounds, tick)
        state = measure_state(10 * series)
    if as_json:
        print_json({"throughput": timings, "scoring": scoring, "state": state})
        return
    print_table("Throughput, median", COLUMNS, [[row[name] for name in COLUMNS] for row in timings])
    print_facts("One closed window of each series", scoring)
    print_facts("Memory of the detector", state)


class _Servers:
    """Homes, databases and a broker for the paths, gone when the benchmark ends."""

    def __init__(self, opened: ExitStack) -> None:
        import tempfile

        self._opened = opened
        self._home = Path(
            opened.enter_context(tempfile.TemporaryDirectory(prefix="vigil-bench-stream-"))
        )
        self._home.chmod(0o755)

    def settings(self, name: str, log: str) -> Any:
        """Settings with an empty log and an empty database."""
        from vigil.config import load_settings
        from vigil.errors import DependencyError
        from vigil.servers import KafkaServer, PostgresServer

        home = self._home / name
        home.mkdir(mode=0o755)
        database = PostgresServer(home / "postgres")
        self._opened.enter_context(database)
        log_url = f"sqlite:///{home / 'log.sqlite'}"
        if log == "kafka":
            if reason := KafkaServer.missing():
                raise DependencyError(reason)
            broker = KafkaServer(home / "kafka")
            self._opened.enter_context(broker)
            log_url = f"kafka://{broker.address}"
        return load_settings(
            home=home, log_url=log_url, store_url=database.url, sink_url="", webhook_url=""
        )

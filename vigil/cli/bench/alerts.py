"""`vigil bench alerts`: pages, faults and noise."""

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("alerts")
@click.option("--days", default=30, show_default=True, help="Simulated days; two are for warm-up.")
@click.option("--faults", default=60, show_default=True, help="Faults that deserve one page each.")
@click.option("--noise", default=200, show_default=True, help="Events that deserve none.")
@click.option("--seed", default=1, show_default=True, help="Estate, faults and noise.")
@click.option(
    "--replay",
    is_flag=True,
    help="Also keep the month in a database of its own and time `vigil replay --diff` on it.",
)
@json_option
def command(days: int, faults: int, noise: int, seed: int, replay: bool, as_json: bool) -> None:
    """Detection and alert quality on a simulated month of 504 series, beside two common policies.

    Faults are those of `vigil simulate`; noise is deploy blips, single bad hosts, late data and
    planned maintenance. The scorer of the stream decides on every window: how many faults it flags
    and how soon, and how many it would have flagged by chance; then what becomes pages. All
    policies see the same values and the same maintenance calendar.
    """
    import tempfile
    from contextlib import ExitStack
    from pathlib import Path

    from vigil.bench.alerts.run import bench_alerts
    from vigil.config import load_settings
    from vigil.stores.database import open_database

    with ExitStack() as open_parts:
        engine = None
        if replay:
            folder = Path(open_parts.enter_context(tempfile.TemporaryDirectory(prefix="vigil-")))
            folder.chmod(0o755)
            engine = open_database(load_settings(home=folder, store_url=""))
            open_parts.callback(engine.dispose)
        bar = open_parts.enter_context(progress_bar())
        task = bar.add_task("alerts", total=days)

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        report = bench_alerts(days, faults, noise, seed, show, engine)
    if as_json:
        print_json(report)
        return
    rows = report.pop("policies")
    detection = report.pop("detection")
    print_facts("Alert quality", report)
    print_facts("Detection of the faults, in windows of a minute", detection)
    print_table("Policies", list(rows[0]), [list(row.values()) for row in rows])

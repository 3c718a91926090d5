"""`vigil bench ledger`: size and speed of the decision ledger."""

import click

from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("ledger")
@click.option("--series", default=10_000, show_default=True, help="Number of series.")
@click.option("--days", default=30, show_default=True, help="Days of decisions.")
@click.option("--window-s", default=10, show_default=True, help="Length of a window in seconds.")
@click.option("--seed", default=1, show_default=True, help="Values of the series.")
@json_option
def command(series: int, days: int, window_s: int, seed: int, as_json: bool) -> None:
    """Fill a ledger of its own, then ask it about random windows.

    Sixty seasonal series are really scored; their packed decisions are copied to the others. The
    database is a temporary one: the default size needs about 12 GiB of disk and ten minutes.
    """
    import tempfile
    from pathlib import Path

    from vigil.bench.ledger import bench_ledger
    from vigil.config import load_settings
    from vigil.stores.database import open_database

    with tempfile.TemporaryDirectory(prefix="vigil-ledger-") as folder, progress_bar() as bar:
        Path(folder).chmod(0o755)
        task = bar.add_task("ledger", total=days)

        def show(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total, description=what)

        engine = open_database(load_settings(home=Path(folder), store_url=""))
        facts = bench_ledger(engine, series, days, window_s, seed, show)
        engine.dispose()
    if as_json:
        print_json(facts)
    else:
        print_facts("Decision ledger", facts)

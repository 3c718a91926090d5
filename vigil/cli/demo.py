"""`vigil demo`: the whole product in a few minutes."""

import time

import click

from vigil.cli.output import json_option, print_facts, print_json, progress_bar


@click.command("demo")
@json_option
def command(as_json: bool) -> None:
    """Run everything once on embedded defaults, with a summary and where to look.

    Simulates three days of a multi-cloud estate, learns from the first two and a half, lets
    Dagster train and promote a model, injects faults into the rest, and compares alerts with the
    truth. Labelled production series join in where VIGIL_DATASETS has them. Ctrl-C is safe: the
    next call goes on where this one stopped; after a finished one it starts afresh.

    Exit codes: 0 done, 1 a step did not do what it should, 3 a part did not start.
    """
    from rich.console import Console

    from vigil.cli.output import log_to_stderr
    from vigil.demo.report import write_report
    from vigil.demo.run import Demo, demo_settings
    from vigil.demo.summary import summarise
    from vigil.stores.database import open_database

    log_to_stderr()
    began = time.monotonic()
    settings = demo_settings()
    with progress_bar() as progress:
        demo = Demo(settings, Console(stderr=True), progress)
        demo.run()
        task = progress.add_task("writing the report", total=1)
        engine = open_database(settings)
        summary = summarise(demo.plan, engine)
        write_report(demo.plan, summary, engine)
        engine.dispose()
        progress.advance(task)
    facts = {**summary.facts, "took": f"{time.monotonic() - began:.0f} s"}
    if as_json:
        print_json({**facts, "report": str(demo.plan.report_path)})
        return
    print_facts("Vigil demo", facts)
    click.echo(f"""
Where to look
  report   {demo.plan.report_path}
  board    VIGIL_HOME={settings.home} .venv/bin/vigil up   then http://127.0.0.1:4173
  Dagster  the same, then http://127.0.0.1:3000
  models   VIGIL_HOME={settings.home} .venv/bin/vigil models
  notebook VIGIL_HOME={settings.home} .venv/bin/jupyter lab notebooks""")

"""`vigil challenge`: a bundle on trial."""

from typing import Any

import click

from vigil.cli.output import json_option, print_facts, print_json, print_table, progress_bar


@click.command("challenge")
@click.argument("bundle")
@click.option(
    "--days", type=click.IntRange(1), default=14, show_default=True, help="How many days to replay."
)
@json_option
def command(bundle: str, days: int, as_json: bool) -> None:
    """Put BUNDLE into the shadow of the champion, and replay the last days with both of them.

    Running scorers score it beside the champion from now on; its flags and pages are counted, and
    nobody is told. The replay shows which pages it would add, remove or move. Called again for the
    same bundle it replays again and tells how the trial stands. It promotes nothing: Dagster's
    sensor does, or `vigil promote`.

    \b
    Example:
      vigil challenge 20260304T120000-1a2b3c4d

    Exit codes: 0 it may be promoted, or has to wait for its hours in the shadow, 1 it is refused,
    2 unknown bundle, or another trial runs, 3 the database is down.
    """
    from vigil import trials
    from vigil.alerts.model_past import WARM_UP
    from vigil.backtest.trial import Ruling
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.registry import Registry

    settings = load_settings()
    engine = open_database(settings)
    registry = Registry(engine, settings.registry_path)
    found: dict[str, Any] = {}
    try:
        trial = trials.begin(registry, bundle)
        if trial is None:
            ruling, reason = Ruling.REFUSE, str(registry.trials.history()[0].reason)
        else:
            with progress_bar() as bar:
                task = bar.add_task("replaying", total=days + WARM_UP.days)
                found = trials.replay(
                    registry, trial, engine, settings, days, lambda: bar.advance(task)
                )
            verdict = trials.verdict(registry, trial, trials.trial_rules(settings))
            ruling, reason = verdict.ruling, verdict.reason
    finally:
        engine.dispose()
    changes = found.pop("changes", [])
    facts = {"bundle": bundle, "verdict": str(ruling), "reason": reason, **found}
    if as_json:
        print_json({**facts, "changes": changes})
    else:
        print_facts("Trial", facts)
        if changes:
            print_table("Changes", list(changes[0]), [list(item.values()) for item in changes])
    if ruling is Ruling.REFUSE:
        raise SystemExit(1)

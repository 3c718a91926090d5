"""`vigil models`: the registry."""

from typing import TYPE_CHECKING, Any

import click

from vigil.cli.output import json_option, print_json, print_table

if TYPE_CHECKING:
    from vigil.backtest.trial import TrialRules
    from vigil.stores.registry import Registry
    from vigil.stores.trials import Trial


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List bundles with their backtest MASE and winners, promotions and trials.

    Exit codes: 0 done, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.registry import Registry
    from vigil.trials import trial_rules

    settings = load_settings()
    rules = trial_rules(settings)
    registry = Registry(open_database(settings), settings.registry_path)
    champion, bundles, history = registry.champion(), registry.bundles(), registry.history()
    trials = [_trial(registry, trial, rules) for trial in registry.trials.history()]
    if as_json:
        print_json(
            {
                "champion": champion and champion.bundle_id,
                "bundles": [item.manifest for item in bundles],
                "history": [
                    {
                        "bundle_id": item.bundle_id,
                        "at": item.promoted_at.isoformat(),
                        "reason": item.reason,
                    }
                    for item in history
                ],
                "trials": trials,
            }
        )
        return
    rows = []
    for item in bundles:
        mark = "champion" if champion and champion.bundle_id == item.bundle_id else ""
        models = ", ".join(f"{g}: {m['name']}" for g, m in item.manifest["models"].items())
        covered = item.manifest["training"]["series"]
        rows.append((item.bundle_id, mark, f"{item.score:.3f}", covered, models))
    print_table("Bundles", ("bundle", "", "MASE", "series", "winners"), rows)
    print_table(
        "Promotions",
        ("bundle", "at", "reason"),
        [
            (item.bundle_id, f"{item.promoted_at:%Y-%m-%d %H:%M:%S}", item.reason)
            for item in history
        ],
    )
    shown = ("trial", "purpose", "shadow", "hours", "pages", "verdict", "reason")
    print_table("Trials", shown, [[trial[name] for name in shown] for trial in trials])


def _trial(registry: "Registry", trial: "Trial", rules: "TrialRules") -> dict[str, Any]:
    """A trial with its record, and with the verdict so far while it runs."""
    from vigil.trials import verdict

    record = registry.trials.record(trial.trial_id)
    ended = trial.verdict, trial.reason
    if trial.ended_at is None:
        so_far = verdict(registry, trial, rules)
        ended = str(so_far.ruling), so_far.reason
    return {
        "trial": trial.trial_id,
        "purpose": trial.purpose,
        "champion": trial.champion_id,
        "shadow": trial.shadow_id,
        "started_at": trial.started_at.isoformat(),
        "ended_at": trial.ended_at and trial.ended_at.isoformat(),
        "hours": record.hours,
        "pages": f"{record.shadow_pages} (champion {record.champion_pages})",
        "replay": trial.replay,
        "verdict": ended[0],
        "reason": ended[1],
    }

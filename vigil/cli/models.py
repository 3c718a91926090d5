"""`vigil models`: the registry."""

import click

from vigil.cli.output import json_option, print_json, print_table


@click.command("models")
@json_option
def command(as_json: bool) -> None:
    """List bundles with their backtest MASE and winners, and the history of promotions.

    Exit codes: 0 done, 3 the database is down.
    """
    from vigil.config import load_settings
    from vigil.stores.database import open_database
    from vigil.stores.registry import Registry

    settings = load_settings()
    registry = Registry(open_database(settings), settings.registry_path)
    champion, bundles, history = registry.champion(), registry.bundles(), registry.history()
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

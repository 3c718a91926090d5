"""`vigil promote`: make a bundle the champion."""

import click

from vigil.cli.output import json_option


@click.command("promote")
@click.argument("bundle", required=False)
@click.option("--best", is_flag=True, help="The bundle with the lowest backtest MASE.")
@click.option("--reason", default="promoted by hand", show_default=True, help="For the history.")
@json_option
def command(bundle: str | None, best: bool, reason: str, as_json: bool) -> None:
    """Make BUNDLE the champion; running scorers load it within a second or two.

    \b
    Examples:
      vigil promote --best
      vigil promote 20260304T120000-1a2b3c4d --reason "fewer false alarms in replay"

    Exit codes: 0 done, 1 the bundle is damaged or there is none, 2 unknown bundle.
    """
    from vigil.cli.champion import print_champion
    from vigil.config import load_settings
    from vigil.errors import BundleError
    from vigil.stores.database import open_database
    from vigil.stores.registry import Registry

    if (bundle is None) != best:
        raise click.UsageError("Give either a bundle or --best.")
    settings = load_settings()
    registry = Registry(open_database(settings), settings.registry_path)
    if best:
        known = registry.bundles()
        if not known:
            raise BundleError("there is no bundle to promote: run vigil train first")
        bundle = min(known, key=lambda item: item.score).bundle_id
    champion = registry.promote(bundle or "", reason)
    print_champion("Promoted", champion, as_json)

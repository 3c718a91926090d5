"""`vigil config check`: is everything that was set known and valid?"""

import click

from vigil.cli.output import json_option, print_json


@click.command("check")
@json_option
def command(as_json: bool) -> None:
    """Check the configuration file, the environment and the policy file.

    Each problem names the setting, the value, the rule and the nearest valid name. A VIGIL_…
    variable that is no setting is a problem too: it is most likely misspelt.

    Exit codes: 0 fine, 1 there are problems.
    """
    from vigil.alerts.policy import configured_policy
    from vigil.config import config_path, find_problems, load_settings
    from vigil.errors import ConfigError

    path, problems = config_path(), find_problems()
    if not problems:
        try:
            configured_policy(load_settings())
        except ConfigError as error:
            problems = [str(error)]
    if as_json:
        print_json({"file": path, "problems": problems})
    else:
        click.echo("\n".join(problems) or f"fine ({path or 'no file, environment only'})")
    raise SystemExit(1 if problems else 0)

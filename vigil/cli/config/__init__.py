"""`vigil config`: check, show, migrate and describe the settings."""

import click

from vigil.cli.lazy import LazyGroup

SUMMARIES = {
    "check": "Check the configuration file, the environment and the policy file.",
    "show": "Show settings, their values and where they come from.",
    "migrate": "Bring the configuration file up to this version.",
    "schema": "Print the JSON schema of the configuration file, for editors.",
}


@click.group("config", cls=LazyGroup, package="vigil.cli.config", summaries=SUMMARIES)
def command() -> None:
    """Check, show, migrate and describe the settings.

    They come from VIGIL_… variables first, then from a TOML file: the one that VIGIL_CONFIG names,
    else vigil.toml in the working folder, else in the home folder. What neither says has a default.

    Exit codes: 0 fine, 1 something is wrong, 2 wrong use or a refused value.
    """

"""`vigil config schema`: what editors complete and check the file with."""

import click

from vigil.cli.output import json_option, print_json


@click.command("schema")
@json_option
def command(as_json: bool) -> None:
    """Print the JSON schema of the configuration file; it is JSON with or without --json.

    \b
    Example, with Taplo or Even Better TOML:
      vigil config schema > vigil.schema.json
      # first line of vigil.toml:  #:schema ./vigil.schema.json

    Exit code 0.
    """
    from vigil.config import Settings

    schema = Settings.model_json_schema()
    # A path that depends on this machine helps nobody else.
    for field in ("home", "datasets"):
        schema["properties"][field].pop("default", None)
    schema["additionalProperties"] = False
    print_json({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})

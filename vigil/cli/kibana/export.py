"""`vigil kibana export`."""

from pathlib import Path

import click

from vigil.cli.files import OutFile
from vigil.cli.output import json_option, print_json


@click.command("export")
@click.option(
    "--out",
    type=OutFile(),
    default=Path("vigil-kibana.ndjson"),
    show_default=True,
    help="File of saved objects, one a line.",
)
@json_option
def command(out: Path, as_json: bool) -> None:
    """Write the saved objects to a file, for Stack Management > Saved Objects > Import."""
    from vigil.errors import InputError
    from vigil.kibana import DASHBOARDS, saved_objects, to_ndjson

    objects = saved_objects(DASHBOARDS)
    try:
        out.write_bytes(to_ndjson(objects))
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"path": str(out), "objects": len(objects)})
    else:
        click.echo(f"{len(objects)} saved objects in {out}")

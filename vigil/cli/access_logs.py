"""Options that say what an access log's lines look like, shared by ingest and collect."""

from collections.abc import Callable
from typing import Any

import click

FORMAT_NAMES = ("nginx", "apache", "haproxy", "aws-alb", "azure", "gcp", "envoy", "custom")
IDENTITY = ("service", "environment", "tenant", "cloud", "region")


def access_log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--format, --pattern, --map, --at-end and what the lines do not say."""
    options = [
        click.option(
            "--format", "layout", type=click.Choice(FORMAT_NAMES),
            help="The files are access logs of this format, also .gz.",
        ),
        click.option("--pattern", help="For custom: a regular expression with named groups."),
        click.option(
            "--map", "paths", multiple=True, metavar="FIELD=PATH",
            help="For custom: a field's place in a JSON line, as in status=response.code.",
        ),
        click.option("--at-end", is_flag=True, help="For custom: lines carry the time of the end."),
        *(click.option(f"--{name}", help=f"The {name} of all lines.") for name in IDENTITY),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def chosen_access_log(
    layout: str | None,
    pattern: str | None,
    paths: tuple[str, ...],
    at_end: bool,
    identity: dict[str, str | None],
) -> Any:
    """The AccessLog that the options name, None without --format; raises InputError."""
    from vigil.errors import InputError
    from vigil.events.access_logs import FORMATS, AccessLog, custom_format

    if layout is None:
        return None
    known = {name: value for name, value in identity.items() if value}
    if layout != "custom":
        return AccessLog(FORMATS[layout], known)
    places = dict(item.partition("=")[::2] for item in paths)
    if bool(pattern) == bool(places):
        raise InputError("--format custom needs either --pattern or --map")
    return AccessLog(custom_format(pattern or "", places, at_end), known)

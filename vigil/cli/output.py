"""What commands share in speaking: JSON for machines, tables for people, logs on stderr."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS | orjson.OPT_INDENT_2
    click.echo(orjson.dumps(document, option=options, default=str).decode())


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on stdout; values are shown as they are. One line where there is nothing."""
    if not rows:
        click.echo(f"{title}: none")
        return
    _print(title, rows, columns)


def print_facts(title: str, facts: Mapping[str, Any]) -> None:
    """Name and value, a line each; what there is none of has a dash."""
    _print(title, [(name, "–" if value is None else value) for name, value in facts.items()])


def _print(title: str, rows: Sequence[Sequence[Any]], columns: Sequence[str] = ()) -> None:
    # Text, since what is in brackets ("[email]", "[/orders]") would be markup in plain cells.
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        show_edge=False,
        show_header=bool(columns),
    )
    for name in columns:
        table.add_column(Text(name))
    for row in rows:
        table.add_row(*(Text("" if value is None else str(value)) for value in row))
    # A pipe has no width: give each column room instead of cutting names.
    console = Console()
    (console if console.is_terminal else Console(width=200)).print(table)


def progress_bar() -> Progress:
    """A bar on stderr with counts and the time left; silent where stderr is not a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:<28}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        disable=not console.is_terminal,
    )


def log_to_stderr(verbose: bool = False) -> None:
    """Vigil's own log lines with their time; other libraries only from warnings on."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    )
    logging.getLogger("vigil").setLevel(logging.DEBUG if verbose else logging.INFO)
    # Their tracebacks tell at length what we say in a sentence.
    for name in ("elastic_transport", "sqlalchemy.pool"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

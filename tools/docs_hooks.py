"""Pages that MkDocs makes while it builds: reference from the program, notebooks, benchmarks."""

import inspect
from collections.abc import Callable
from typing import Any

import click
from bench_page import benchmarks_page
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from notebook_pages import notebook_files

from vigil.cli.main import COMMANDS, cli
from vigil.client import Client, Selection, connect
from vigil.config import ROOT, Settings


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/settings.md": settings_page(),
        "reference/python.md": python_page(),
        **notebook_files(),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    written = files.get_file_from_path("benchmarks.md")
    assert written is not None
    page, pictures = benchmarks_page(written.content_string, ROOT / "docs" / "benchmarks")
    files.remove(written)
    files.append(File.generated(config, "benchmarks.md", content=page))
    for name, drawn in pictures.items():
        files.append(File.generated(config, f"benchmarks/{name}", content=drawn))
    return files


def commands_page() -> str:
    """Each command with what its `--help` says."""
    lines = ["# Commands", "", "As `vigil COMMAND --help` says it.", ""]
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        lines += _section(command, f"vigil {name}", "##")
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=f"vigil {name}")
            for member in command.list_commands(context):
                found = command.get_command(context, member)
                assert found is not None
                lines += _section(found, f"vigil {name} {member}", "###")
    return "\n".join(lines)


def _section(command: click.Command, name: str, mark: str) -> list[str]:
    context = click.Context(command, info_name=name, max_content_width=96, terminal_width=96)
    return [f"{mark} {name}", "", "```text", command.get_help(context), "```", ""]


def settings_page() -> str:
    """Each setting with its default and meaning."""
    lines = [
        "# Settings",
        "",
        "Environment variables, or `vigil.toml` with the same names in lower case and without the "
        "prefix (`window_s = 10`) in the working folder or where `VIGIL_CONFIG` says; the "
        "environment comes first. `vigil config show --effective` prints the values in force and "
        "where they come from, `vigil config check` names what is wrong.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = str(field.get_default(call_default_factory=True)).replace(f"{ROOT}/", "")
        shown = f"`{default}`" if default else "none"
        lines.append(f"| `VIGIL_{name.upper()}` | {shown} | {field.description} |")
    return "\n".join([*lines, ""])


def python_page() -> str:
    """`vigil.connect()`, and the methods of what it and they return."""
    lines = [
        "# Python",
        "",
        "What `import vigil` gives; [Python](../python.md) shows it at work.",
        "",
    ]
    lines += _function("vigil.connect", connect, "##")
    for kind in (Client, Selection):
        lines += [f"## {kind.__name__}", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        for name, member in vars(kind).items():
            if not name.startswith("_") and inspect.isfunction(member):
                lines += _function(name, member, "###")
    return "\n".join(lines)


def _function(name: str, function: Callable[..., Any], mark: str) -> list[str]:
    parameters = (
        str(inspect.signature(function))
        .replace("self, ", "")
        .replace("(self)", "()")
        .replace("(self,", "(")
    )
    said = inspect.cleandoc(function.__doc__ or "")
    return [f"{mark} {name}", "", "```python", f"{name}{parameters}", "```", "", said, ""]

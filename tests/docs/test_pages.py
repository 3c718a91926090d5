"""The documentation: it builds strictly, its commands exist, its Python runs."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from vigil.cli.main import COMMANDS, cli
from vigil.config import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a page."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each call of `vigil` in the page's blocks and inline code."""
    text = page.read_text()
    whole = (re.sub(r"\\\n\s*", "", block) for block in blocks(page, "sh"))
    lines = [line for block in whole for line in block.splitlines()]
    lines += re.findall(r"`(vigil [^`]+)`", text)
    for line in lines:
        found = re.search(r"(?:^|[ /])vigil (.*)", line.split("#")[0].strip())
        if found and found[1] and not found[1].startswith(("COMMAND", "bench NAME", "-")):
            yield shlex.split(found[1])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_a_page_exists_with_its_options(page):
    """A reader who copies a line gets what the page says."""
    for words in commands(page):
        assert words[0] in COMMANDS, words
        command = cli.get_command(click.Context(cli), words[0])
        if isinstance(command, click.Group) and len(words) > 1 and not words[1].startswith("-"):
            command = command.get_command(click.Context(command), words[1])
        assert command is not None, words
        known = {option for parameter in command.params for option in parameter.opts}
        known |= {option for parameter in command.params for option in parameter.secondary_opts}
        used = {word.split("=")[0] for word in words if word.startswith("--")}
        assert used <= known | {"--help"}, words


def test_the_site_builds_strictly(tmp_path):
    """No dead link, no page outside of the navigation."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    reference = (tmp_path / "reference" / "commands.html").read_text()
    assert all(f"vigil {name}" in reference for name in COMMANDS)


def test_the_python_of_the_page_about_python_runs(small_estate, monkeypatch):
    """Line by line, on a real installation."""
    monkeypatch.setenv("VIGIL_HOME", str(small_estate.home))
    monkeypatch.setenv("VIGIL_STORE_URL", small_estate.store_url)
    [block] = blocks(ROOT / "docs" / "python.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    assert len(names["v"].series(service="orders")) > 0
    names["v"].close()


def test_the_detector_of_the_how_to_scores(tmp_path):
    """The twenty lines that a reader copies are a candidate."""
    import numpy as np
    import pandas as pd

    block = blocks(ROOT / "docs" / "how-to" / "add-a-detector.md", "python")[0]
    names: dict = {}
    exec("\n".join(line.removeprefix("    ") for line in block.splitlines()), names)
    times = pd.date_range("2026-03-02", periods=400, freq="5min")
    values = pd.Series(np.random.default_rng(1).normal(10, 1, 400), index=times)
    values.iloc[390] = 60
    scores = names["candidate"].build(288).score(values.iloc[:300], values.iloc[300:])
    assert scores.argmax() == 90

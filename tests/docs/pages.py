"""The pages of the documentation and what stands in their code blocks."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from vigil.config import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks(page: Path, language: str) -> list[str]:
    """Fenced blocks of a page in one language, without the indentation of the block."""
    return [text for found, text in all_blocks(page) if found == language]


def all_blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of each fenced block."""
    return [
        (language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE))
        for indent, language, text in _BLOCK.findall(page.read_text())
    ]


def shell_lines(page: Path) -> Iterator[str]:
    """Lines of a page's shell blocks, continued ones joined, without comments."""
    for block in blocks(page, "sh"):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            bare = " ".join(line.split(" #")[0].split())
            if bare and not bare.startswith("#"):
                yield bare


def vigil_words(line: str) -> list[str] | None:
    """The words after `vigil` in a line of shell, None where it does not call it."""
    found = re.search(r"(?:^|[ /])vigil (.*)", line)
    if not found or not found[1] or found[1].startswith(("COMMAND", "bench NAME", "-")):
        return None
    return shlex.split(found[1])


def inline_calls(page: Path) -> Iterator[list[str]]:
    """The words of calls of `vigil` in a page's running text."""
    for line in re.findall(r"`(vigil [^`]+)`", page.read_text()):
        words = vigil_words(line)
        if words:
            yield words


def policy_example() -> str:
    """The policy of the page about alerting."""
    [text] = blocks(ROOT / "docs" / "alerting.md", "yaml")
    return text


def example_calendar() -> str:
    """A calendar for its maintenance."""
    return (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//vigil//EN\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        "SUMMARY:upgrade\r\nDTSTART:20260302T220000Z\r\nDTEND:20260302T230000Z\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )

"""Instants and durations as people type them."""

import re
from datetime import UTC, datetime

import click

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def parse_time(text: str) -> datetime:
    """An instant in ISO 8601, UTC where it names no zone; `now` is one too."""
    if text == "now":
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"TIME must be ISO 8601 (2026-03-02T12:00:00) or now, got {text!r}"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def parse_duration(text: str) -> float:
    """Seconds.

    >>> parse_duration("90m"), parse_duration("1h30m")
    (5400.0, 5400.0)
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhdw])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f"a duration is written 45s, 90m, 1h30m, 12h or 7d, got {text!r}")
    return sum(float(number) * _UNITS_S[unit] for number, unit in parts)

"""Time ranges as people say them: `last="6h"`, or `start` and `end`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vigil.errors import UsageError

Instant = datetime | str

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Half open: start_at <= time < end_at."""

    start_at: datetime
    end_at: datetime


def parse_span(text: str, name: str = "last") -> timedelta:
    """A length of time: a number and s, m, h, d or w. Raises UsageError, with the name.

    >>> parse_span("90m")
    datetime.timedelta(seconds=5400)
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f'{name} must be a number and one of s, m, h, d, w as in "6h", got {text!r}'
        )
    try:
        return timedelta(seconds=float(match[1]) * _UNITS_S[match[2]])
    except OverflowError as error:
        raise UsageError(
            f"{name} must be a span of time that a calendar holds, got {text!r}"
        ) from error


def parse_instant(name: str, value: Instant) -> datetime:
    """An instant in UTC from a datetime or ISO 8601 text; without a zone it is meant in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError as error:
            raise UsageError(f"{name} must be an ISO 8601 instant, got {value!r}") from error
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def resolve_range(
    start: Instant | None, end: Instant | None, last: str, newest_at: datetime
) -> TimeRange:
    """The range that is meant; `last` counts back from `end`, and `end` defaults to `newest_at`.

    `newest_at` is where the stream stands rather than the clock, so that a replay of the past has
    a last hour too. Raises UsageError when the range is empty.
    """
    end_at = newest_at if end is None else parse_instant("end", end)
    try:
        start_at = end_at - parse_span(last) if start is None else parse_instant("start", start)
    except OverflowError as error:
        raise UsageError(f"last must not reach beyond the calendar, got {last!r}") from error
    if start_at >= end_at:
        raise UsageError(f"start must be before end, got {start_at:%F %T} and {end_at:%F %T}")
    return TimeRange(start_at, end_at)

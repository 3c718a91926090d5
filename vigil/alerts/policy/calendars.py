"""Time: maintenance windows from iCalendar files, and business hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One maintenance window, [start_at, end_at)."""

    name: str
    start_at: datetime
    end_at: datetime


class Maintenance:
    """The windows of one iCalendar document.

    Recurrence rules, exceptions, moved instances and time zones are those of RFC 5545, as the
    recurring-ical-events library reads them. A cancelled event is none. All-day events last whole
    days of `zone`.
    """

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        self._zone = zone
        # Day → its windows: asked for each flagged window, and they do not change.
        self._days: dict[date, list[Occurrence]] = {}
        self._events = recurring_ical_events.of(icalendar.Calendar.from_ical(text))

    @classmethod
    def from_file(cls, path: Path, zone: ZoneInfo) -> "Maintenance":
        """Read a file; raises OSError and ValueError."""
        return cls(path.read_text(encoding="utf-8"), zone)

    def between(self, start_at: datetime, end_at: datetime) -> list[Occurrence]:
        """Windows that overlap [start_at, end_at), in order."""
        found = [
            Occurrence(
                str(event.get("SUMMARY", "maintenance")),
                self._instant(event.start),
                self._instant(event.end),
            )
            # Days without a time are those of our zone: look a day further than asked.
            for event in self._events.between(start_at - DAY, end_at + DAY)
            if str(event.get("STATUS", "")).upper() != "CANCELLED"
        ]
        found.sort(key=lambda window: (window.start_at, window.name))
        return [window for window in found if window.start_at < end_at and window.end_at > start_at]

    def at(self, instant: datetime) -> Occurrence | None:
        """The window that holds the instant, the one that ends last."""
        day = instant.astimezone(UTC).date()
        if day not in self._days:
            start_at = datetime.combine(day, time(), UTC)
            self._days = {day: self.between(start_at, start_at + DAY)}
        holding = [
            window for window in self._days[day] if window.start_at <= instant < window.end_at
        ]
        return max(holding, key=lambda window: window.end_at, default=None)

    def _instant(self, value: object) -> datetime:
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=self._zone)
        assert value is not None
        return datetime.combine(value, time(), self._zone)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Hours:
    """Business hours of a week in one time zone; `until` may be 24:00, written as midnight."""

    zone: ZoneInfo
    days: frozenset[int]
    start: time
    until: time
    holidays: Maintenance | None = None

    def contains(self, instant: datetime) -> bool:
        """True inside of business hours."""
        local = instant.astimezone(self.zone)
        if local.weekday() not in self.days:
            return False
        if self.holidays is not None and self.holidays.at(instant) is not None:
            return False
        clock = local.time()
        return self.start <= clock and (clock < self.until or self.until == time())


def day_numbers(names: Sequence[str]) -> frozenset[int]:
    """Weekday numbers of names and ranges.

    >>> sorted(day_numbers(["mon-wed", "sun"]))
    [0, 1, 2, 6]
    """
    numbers: set[int] = set()
    for name in names:
        first, _, last = name.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        numbers.update((start + step) % 7 for step in range((end - start) % 7 + 1))
    return frozenset(numbers)

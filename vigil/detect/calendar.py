"""Whose clock a series keeps, and which of its days are free.

A season follows people: it moves with daylight saving, and rests on weekends and public holidays.
What cannot be known from the numbers is said by rules, the first that matches a series counts:

    [[calendars]]
    match = { region = ["eu-*"] }
    timezone = "Europe/Berlin"
    country = "DE"
    subdivision = "BY"
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import translate
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from vigil.errors import ConfigError
from vigil.events.schema import KEY_COLUMNS

if TYPE_CHECKING:
    from holidays import HolidayBase

DAY_S = 86_400.0
SATURDAY_AND_SUNDAY = frozenset({5, 6})
# 1 January 1970 was a Thursday; as an ordinal of Python's dates.
_EPOCH_WEEKDAY, _EPOCH_ORDINAL = 3, date(1970, 1, 1).toordinal()
MATCHED = (*KEY_COLUMNS, "metric")


@dataclass(frozen=True)
class Calendar:
    """`match`: field of the series → patterns, any of which fits (`*`, `?`); empty: every series.

    `timezone`: IANA name. `country`: ISO 3166 code whose public holidays and weekend count, with
    `subdivision` those of a state as well; without one, Saturday and Sunday are free.
    Raises ConfigError for what is not known.
    """

    match: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timezone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None

    def __post_init__(self) -> None:
        unknown = set(self.match) - set(MATCHED)
        if unknown:
            raise ConfigError(f"a calendar cannot match {min(unknown)!r}; fields: {[*MATCHED]}")
        try:
            ZoneInfo(self.timezone)
        except (KeyError, OSError, ValueError) as error:
            raise ConfigError(f"timezone {self.timezone!r} is no IANA time zone") from error
        if self.country:
            _holidays(self.country, self.subdivision)
        elif self.subdivision:
            raise ConfigError(f"subdivision {self.subdivision!r} needs a country")

    def local(self, time_s: np.ndarray) -> np.ndarray:
        """What a clock on the wall shows, as seconds, for epoch seconds; float64 (n,)."""
        if self.timezone == "UTC":
            return time_s
        # Zones move by whole minutes.
        minute, inverse = np.unique(np.floor(time_s / 60), return_inverse=True)
        instants = pl.Series(minute.astype(np.int64) * 60_000_000).cast(pl.Datetime("us", "UTC"))
        walls = instants.dt.convert_time_zone(self.timezone).dt.replace_time_zone(None)
        shift_s = walls.dt.epoch("us").to_numpy() / 1e6 - minute * 60
        return time_s + shift_s[inverse]

    def free(self, local_s: np.ndarray) -> np.ndarray:
        """Is the day of a local time a weekend or a holiday; bool (n,)."""
        day, inverse = np.unique(np.floor(local_s / DAY_S).astype(np.int64), return_inverse=True)
        weekday = (day + _EPOCH_WEEKDAY) % 7
        free = np.isin(weekday, [*self._weekend])
        if self.country:
            holidays = _holidays(self.country, self.subdivision)
            free |= [date.fromordinal(_EPOCH_ORDINAL + number) in holidays for number in day]
        return free[inverse]

    @cached_property
    def _weekend(self) -> frozenset[int]:
        if not self.country:
            return SATURDAY_AND_SUNDAY
        return frozenset(_holidays(self.country, self.subdivision).weekend)


DEFAULT_CALENDAR = Calendar()


@lru_cache(maxsize=64)
def _holidays(country: str, subdivision: str | None) -> "HolidayBase":
    # Two thousand modules that only those need who name a country.
    from holidays import country_holidays

    try:
        return country_holidays(country, subdiv=subdivision)
    except NotImplementedError as error:
        where = f"{country} {subdivision}" if subdivision else country
        raise ConfigError(f"no holidays are known for {where!r}: {error}") from error


def calendars_from(rules: Sequence[Mapping[str, Any]]) -> tuple[Calendar, ...]:
    """Calendars as they stand in the settings; raises ConfigError with the number of the rule."""
    calendars = []
    for number, rule in enumerate(rules, 1):
        given = dict(rule)
        match = given.pop("match", {})
        unknown = set(given) - {"timezone", "country", "subdivision"}
        if unknown:
            raise ConfigError(f"calendar {number} has no field {min(unknown)!r}")
        try:
            patterns = {
                name: (wanted,) if isinstance(wanted, str) else tuple(wanted)
                for name, wanted in match.items()
            }
            calendars.append(Calendar(patterns, **given))
        except (AttributeError, TypeError) as error:
            raise ConfigError(f"calendar {number}: match must be a table of patterns") from error
        except ConfigError as error:
            raise ConfigError(f"calendar {number}: {error}") from error
    return tuple(calendars)


def calendar_of(series: pl.DataFrame, calendars: Sequence[Calendar]) -> np.ndarray:
    """Number of each row's calendar, int8 (n,): 0 the default, i + 1 for `calendars[i]`.

    `series` has the key columns and `metric`.
    """
    number = pl.lit(0)
    for position in range(len(calendars), 0, -1):
        number = pl.when(_fits(calendars[position - 1])).then(position).otherwise(number)
    return series.with_columns(_calendar=number.cast(pl.Int8))["_calendar"].to_numpy()


def _fits(calendar: Calendar) -> pl.Expr:
    conditions = [
        pl.any_horizontal(pl.col(name).fill_null("").str.contains(_regex(p)) for p in patterns)
        for name, patterns in calendar.match.items()
    ]
    return pl.all_horizontal(pl.lit(True), *conditions)


def _regex(pattern: str) -> str:
    return "^" + translate(pattern).removesuffix(r"\Z").removesuffix(r"\z") + "$"

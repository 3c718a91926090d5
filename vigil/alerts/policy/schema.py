"""The policy file's shape. Unknown fields and names that lead nowhere are refused."""

import re
from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from vigil.alerts.policy.calendars import DAYS, Hours, Maintenance, day_numbers
from vigil.alerts.policy.match import FIELDS, matches
from vigil.incidents.rules import SEVERITIES, IncidentRules

Severity = Literal["critical", "error", "warning", "info"]


class Strict(BaseModel):
    """No field is ignored in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _known_fields(matcher: dict[str, list[str]]) -> dict[str, list[str]]:
    for name in matcher:
        if name not in FIELDS:
            raise ValueError(unknown("field of a matcher", name, FIELDS))
    for severity in matcher.get("severity", ()):
        if severity not in SEVERITIES and not re.search(r"[*?\[]", severity):
            raise ValueError(unknown("severity", severity, SEVERITIES))
    return matcher


def unknown(kind: str, name: str, known: Any) -> str:
    """The error for a name that is not among the known ones; `load` adds the nearest."""
    article = "an" if kind[0] in "aeiou" else "a"
    return f"must be {article} {kind} ({', '.join(known) or 'there is none'}), got {name!r}"


Strings = Annotated[list[str], BeforeValidator(_as_list)]
Match = Annotated[dict[str, Strings], AfterValidator(_known_fields)]


def _zone(name: Any) -> ZoneInfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(
            f"must be an IANA time zone such as Europe/Berlin, got {name!r}"
        ) from error


Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]


class Incidents(Strict):
    """See `vigil.incidents.rules.IncidentRules`; what is absent keeps its default."""

    confirm_s: dict[Severity, Annotated[float, Field(ge=0)]] = {}
    confirm_metric_s: float = Field(0.0, ge=0)
    confirm_budget: float = Field(0.01, gt=0)
    at_once_s: float = Field(120, ge=0)
    clear_windows: int = Field(5, ge=1)
    clear_s: float = Field(300, ge=0)
    reopen_s: float = Field(1800, ge=0)
    near_s: float = Field(300, ge=0)
    objective: float = Field(0.999, gt=0, lt=1)
    latency_objective: float = Field(0.95, gt=0, lt=1)
    burn_rates: dict[Severity, Annotated[float, Field(ge=0)]] = {}

    def rules(self) -> IncidentRules:
        """For the tracker."""
        default = IncidentRules()
        values = self.model_dump()
        for name in ("confirm_s", "burn_rates"):
            values[name] = {**getattr(default, name), **values[name]}
        return IncidentRules(**values)


class Owner(Strict):
    """The team that answers for these services."""

    team: str
    services: Strings


class Step(Strict):
    """Who is told, and how long they have to acknowledge before the next step."""

    receivers: Strings
    acknowledge_s: float = Field(300, gt=0)


class Escalation(Strict):
    """Steps in order, gone through `repeat` more times after the last."""

    steps: list[Step] = Field(min_length=1)
    repeat: int = Field(0, ge=0)


class Route(Strict):
    """A node of the routing tree; see `vigil.alerts.routing`."""

    match: Match = {}
    receivers: Strings | None = None
    escalation: str | None = None
    hours: str | None = None
    go_on: bool = Field(False, alias="continue")
    routes: list["Route"] = []


class Inhibition(Strict):
    """While an incident that matches `source` is open, related ones that match `target` are mute.

    relation: callees of the source's origin, its callers, either, or any service at all.
    """

    name: str
    source: Match = {}
    target: Match = {}
    relation: Literal["callees", "callers", "related", "any"] = "related"


class Silence(Strict):
    """Nobody is told of what matches until then."""

    match: Match = Field(min_length=1)
    until: datetime
    comment: str = ""

    @field_validator("until")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("must name a time zone, as 2026-03-02T12:00:00Z does")
        return value


class MaintenanceRule(Strict):
    """Windows of a calendar file during which nobody is told of what matches."""

    name: str
    calendar: Path
    match: Match = {}
    zone: Zone = ZoneInfo("UTC")
    windows: Maintenance | None = Field(None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _read(cls, values: Any, info: ValidationInfo) -> Any:
        if not isinstance(values, dict) or "calendar" not in values:
            return values
        base = (info.context or {}).get("folder", Path())
        path = base / Path(str(values["calendar"])).expanduser()
        try:
            found = Maintenance.from_file(path, _zone(values.get("zone", "UTC")))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ValueError(
                f"calendar must be a readable iCalendar file, got {path}: {reason}"
            ) from error
        return {**values, "calendar": path, "windows": found}


class BusinessHours(Strict):
    """Days and times of a week."""

    zone: Zone = ZoneInfo("UTC")
    days: Strings = ["mon-fri"]
    start: time = time(9)
    until: time = time(17)

    @field_validator("days")
    @classmethod
    def _known_days(cls, value: list[str]) -> list[str]:
        for name in value:
            for day in name.split("-"):
                if day not in DAYS:
                    raise ValueError(unknown("day or a range of days", day, DAYS))
        return value

    def hours(self) -> Hours:
        """To ask."""
        return Hours(self.zone, day_numbers(self.days), self.start, self.until)


class Limit(Strict):
    """At most `pages` within `per_s` to a receiver; what is above comes in one digest."""

    receiver: str
    pages: int = Field(ge=1)
    per_s: float = Field(3600, gt=0)
    digest_s: float = Field(600, gt=0)
    exempt: list[Severity] = ["critical"]


class Delivery(Strict):
    """Retries of a message, in seconds, and who gets it when a channel is dead."""

    attempts: int = Field(8, ge=1)
    first_retry_s: float = Field(1, gt=0)
    last_retry_s: float = Field(120, gt=0)
    fallback: Strings = []


class Links(Strict):
    """Addresses in messages; {…} takes any field of the alert, {trace_id} a trace."""

    kibana: str = ""
    dagster: str = ""
    trace: str = ""
    incident: str = ""


class Policy(Strict):
    """The whole file. `channels`: name → settings by kind (`vigil.alerts.channels`)."""

    incidents: Incidents = Incidents()
    owners: list[Owner] = []
    default_owner: str = "operations"
    channels: dict[str, dict[str, Any]]
    route: Route
    escalations: dict[str, Escalation] = {}
    inhibit: list[Inhibition] = []
    silences: list[Silence] = []
    maintenance: list[MaintenanceRule] = []
    hours: dict[str, BusinessHours] = {}
    limits: list[Limit] = []
    delivery: Delivery = Delivery()
    links: Links = Links()

    def exemption(self, row: Mapping[str, Any], at: datetime) -> str:
        """The maintenance that a series is under, in words; empty where it is not.

        `row` has the key columns. Rules that ask for more than a series has (its incident's
        severity, say) are for the dispatcher.
        """
        service = row["service"] or ""
        document = {
            "services": [service],
            "origin": service,
            "owner": self.owner_of(service),
            "environments": [row["environment"]],
            "tenants": [row["tenant"]],
        }
        for rule in self.maintenance:
            if rule.windows is None or not all(FIELDS[name] in document for name in rule.match):
                continue
            if matches(rule.match, document):
                window = rule.windows.at(at)
                if window is not None:
                    until = f"{window.end_at:%Y-%m-%d %H:%M %Z}"
                    return f"maintenance {window.name!r} ({rule.name}) until {until}"
        return ""

    def owner_of(self, service: str) -> str:
        """The one team that answers for a service."""
        for owner in self.owners:
            if service in owner.services:
                return owner.team
        return self.default_owner

"""Cases: an instant, what was observed around it, and which service is the cause."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import polars as pl

from vigil.collect.evidence import read_evidence
from vigil.errors import InputError
from vigil.events.rules import Limits
from vigil.rootcause.ranking import LOOK_AHEAD

_POD_SUFFIX = re.compile(r"-[0-9a-f]{8,10}-[0-9a-z]{5}$")
# Systems by the year of their recordings, as the data set names days only.
_SYSTEMS = {"2022": "Online Boutique", "2023": "Train Ticket"}


@dataclass(frozen=True, slots=True)
class Observed:
    """What a method may look at."""

    events: pl.DataFrame
    logs: pl.DataFrame | None
    metrics: pl.DataFrame | None


@dataclass(frozen=True, slots=True)
class Case:
    """One fault. `service` is the cause; where a whole environment is, `service` is None.

    `observe` reads or makes the observations, up to three minutes after `at`; `folder` has the
    files that it reads, where it reads any.
    """

    name: str
    system: str
    kind: str
    at: datetime
    service: str | None
    environment: str | None
    observe: Callable[[], Observed]
    folder: Path | None = None


def nezha_cases(folder: Path) -> Iterator[Case]:
    """Injections with at least one minute of traces, in order of time.

    `folder` holds `faults/DAY/DAY-fault_list.json` with `trace`, `log` and `metric` beside it.
    """
    lists = sorted(folder.glob("faults/*/*-fault_list.json"))
    if not lists:
        raise InputError(f"{folder} has no faults/DAY/DAY-fault_list.json")
    for path in lists:
        day = path.parent
        for fault in (item for hour in orjson.loads(path.read_bytes()).values() for item in hour):
            at = datetime.fromisoformat(fault["inject_time"]).replace(tzinfo=UTC)
            minutes = [f"{at + timedelta(minutes=number):%H_%M}" for number in range(3)]
            if not any((day / "trace" / f"{m}_trace.csv.gz").exists() for m in minutes):
                continue
            yield Case(
                name=f"{day.name}T{at:%H:%M}",
                system=_SYSTEMS.get(day.name[:4], day.name[:4]),
                kind=fault["inject_type"],
                at=at,
                service=_POD_SUFFIX.sub("", fault["inject_pod"]),
                environment=None,
                observe=_reader(day, at),
                folder=day,
            )


def _reader(day: Path, at: datetime) -> Callable[[], Observed]:
    def read(kind: str, name: str) -> pl.DataFrame | None:
        return read_evidence([day / name], kind, at, at + LOOK_AHEAD, Limits())

    def observe() -> Observed:
        events = read("events", "trace")
        if events is None:
            raise InputError(f"{day / 'trace'} has no spans before {at + LOOK_AHEAD}")
        return Observed(events, read("logs", "log"), read("metrics", "metric"))

    return observe

"""Injected faults: six kinds, planned by seed, and their labels file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from vigil.errors import InputError, UsageError
from vigil.simulate.estate import ENVIRONMENTS, JOURNEYS, Hop

KINDS = (
    "latency_step",
    "error_burst",
    "traffic_drop",
    "deploy_regression",
    "region_slow",
    "latency_ramp",
)

# (least, most) of the magnitude, and what it means.
_MAGNITUDES = {
    "latency_step": (2.5, 4.0),  # times the service's own time
    "latency_ramp": (3.0, 4.5),  # times, reached at the end
    "error_burst": (0.15, 0.40),  # added error ratio
    "traffic_drop": (1.0, 1.0),  # share of the entry's traffic lost
    "region_slow": (120.0, 250.0),  # ms added to each request in the environment
    "deploy_regression": (2.0, 3.0),  # times the own time, and a tenth of requests fail
}
REGRESSION_ERROR_RATIO = 0.10

# A fault in a service that hardly anybody calls teaches nothing.
LEAST_SHARE = 0.10


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. `service` is None where a whole environment suffers.

    `services_affected` names the services whose own metrics move: the target and, because latency
    and errors travel upwards, its callers; below a lost entry, all that depend on it.
    """

    fault_id: str
    kind: str
    start_at: datetime
    end_at: datetime
    service: str | None
    environment: str
    region: str
    magnitude: float
    services_affected: tuple[str, ...]

    def share_done(self, time_s: np.ndarray) -> np.ndarray:
        """How far the fault has come at each epoch second: 0 to 1 inside, NaN outside."""
        start, end = self.start_at.timestamp(), self.end_at.timestamp()
        done = (time_s - start) / (end - start)
        return np.where((done >= 0) & (done < 1), done, np.nan)


def plan_faults(seed: int, start_at: datetime, end_at: datetime, count: int) -> tuple[Fault, ...]:
    """`count` faults in equal slots between the two instants, cycling through all kinds.

    Each lasts 20 to 60 minutes, or at most half of its slot, so that there is quiet between.
    """
    if count == 0:
        return ()
    if end_at <= start_at:
        raise UsageError(f"faults need time: end {end_at} must be after start {start_at}")
    rng = np.random.default_rng([seed, 77])
    slot_s = (end_at - start_at).total_seconds() / count
    faults = []
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        length_s = min(rng.uniform(1200, 3600), slot_s / 2)
        offset_s = rng.uniform(0, slot_s / 2 - length_s / 2)
        begin = start_at + timedelta(seconds=round(number * slot_s + offset_s))
        end = begin + timedelta(seconds=round(length_s))
        service, environment, region, affected = _target(kind, rng)
        magnitude = round(float(rng.uniform(*_MAGNITUDES[kind])), 3)
        faults.append(
            Fault(
                f"fault-{number + 1:02d}", kind, begin, end, service, environment, region,
                magnitude, affected,
            )
        )  # fmt: skip
    return tuple(faults)


def _target(kind: str, rng: np.random.Generator) -> tuple[str | None, str, str, tuple[str, ...]]:
    if kind == "region_slow":
        place = ENVIRONMENTS[rng.integers(len(ENVIRONMENTS))]
        hops = _all_paths(None, place.name)
        return None, place.name, place.region, _names(hops)
    if kind == "traffic_drop":
        place = ENVIRONMENTS[rng.integers(len(ENVIRONMENTS))]
        hops = [
            hop for journey in JOURNEYS if journey.root.environment is place
            for hop in journey.root.walk()
        ]  # fmt: skip
        return "gateway", place.name, place.region, _names(hops)
    candidates = _busy_targets()
    service, environment = candidates[rng.integers(len(candidates))]
    region = next(place.region for place in ENVIRONMENTS if place.name == environment)
    return service, environment, region, _names(_all_paths(service, environment))


def _all_paths(service: str | None, environment: str) -> list[Hop]:
    if service is not None:
        return [h for j in JOURNEYS for h in j.root.path_to(service, environment)]
    inside = {
        hop.service
        for j in JOURNEYS
        for hop in j.root.walk()
        if hop.environment.name == environment
    }
    return [hop for name in sorted(inside) for hop in _all_paths(name, environment)]


def _busy_targets() -> list[tuple[str, str]]:
    """(service, environment) pairs behind a gateway that see enough of the traffic."""
    share: dict[tuple[str, str], float] = {}
    for journey in JOURNEYS:
        for hop in journey.root.walk():
            place = (hop.service, hop.environment.name)
            share[place] = share.get(place, 0.0) + journey.share
    return [place for place, part in share.items() if part >= LEAST_SHARE and place[0] != "gateway"]


def _names(hops: Sequence[Hop]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(hop.service for hop in hops))


def write_labels(
    path: Path, seed: int, start_at: datetime, end_at: datetime, faults: Sequence[Fault]
) -> None:
    """The truth as JSON."""
    document = {
        "seed": seed,
        "start_at": start_at,
        "end_at": end_at,
        "faults": [asdict(fault) for fault in faults],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))


def read_labels(path: Path) -> list[dict[str, Any]]:
    """The faults of a labels file, instants as ISO 8601; raises InputError."""
    try:
        return orjson.loads(path.read_bytes())["faults"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a labels file: {error!r}") from error

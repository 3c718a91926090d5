"""A month of 504 series: 56 services in layers, faults worth a page, and noise that is not.

Latency, errors and traffic travel through the graph of calls as they do in reality: a caller waits
for what it calls, fails with most of its failures, and sends it less when it gets less itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from vigil.events.schema import KEY_COLUMNS

START = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW_S = 60
STEPS = 86_400 // WINDOW_S
WARM_UP_DAYS = 2
LAYERS = (8, 20, 28)
ROUTE_SHARES = np.array([0.6, 0.3, 0.1])
ENVIRONMENTS = (("onprem", "dc-1"), ("aws-prod", "eu-west-1"), ("azure-prod", "westeurope"))
METRICS = ("request_rate", "error_ratio", "latency_ms_p95")

FAULTS = (
    "latency_step",
    "latency_ramp",
    "error_burst",
    "traffic_drop",
    "region_slow",
    "regression",
)
NOISE = ("deploy blip", "bad host", "late data", "maintenance")

_PROPAGATION = 0.85
_P95_TO_MEAN = 1.7


@dataclass(frozen=True, slots=True)
class Event:
    """A fault or a piece of noise; `service` is the target, or the environment's index if slow."""

    kind: str
    start_s: float
    end_s: float
    service: int
    magnitude: float
    affected: frozenset[str] = frozenset()


@dataclass(slots=True)
class Estate:
    """The graph and its habits, by seed."""

    seed: int
    days: int
    callees: list[list[int]] = field(init=False)
    environment: np.ndarray = field(init=False)
    own_ms: np.ndarray = field(init=False)
    entry_per_s: np.ndarray = field(init=False)
    peak_h: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng([self.seed, 1])
        count = sum(LAYERS)
        first, second, third = np.split(np.arange(count), np.cumsum(LAYERS)[:-1])
        self.callees = [[] for _ in range(count)]
        for below, above in ((second, first), (third, second)):
            for number, service in enumerate(below):
                # Everybody is called by somebody; some by two.
                for caller in {above[number % len(above)], rng.choice(above)}:
                    self.callees[int(caller)].append(int(service))
        self.environment = rng.integers(len(ENVIRONMENTS), size=count)
        self.own_ms = np.exp(rng.normal(2.7, 0.7, count))
        self.entry_per_s = rng.uniform(8, 40, LAYERS[0])
        self.peak_h = rng.uniform(11, 21, LAYERS[0])

    @property
    def scored_from_s(self) -> float:
        """When the warm-up is over and faults and noise may begin, epoch seconds."""
        return START.timestamp() + WARM_UP_DAYS * 86_400

    @property
    def weeks(self) -> float:
        """Length of the time after the warm-up."""
        return (self.days - WARM_UP_DAYS) / 7

    @property
    def services(self) -> list[str]:
        """Names, entries first."""
        return [f"service-{number:02d}" for number in range(len(self.callees))]

    def calls(self) -> list[tuple[str, str]]:
        """(caller, callee) pairs."""
        names = self.services
        return [(names[a], names[b]) for a, below in enumerate(self.callees) for b in below]

    def keys(self) -> pl.DataFrame:
        """series_id, key_id, metric and the key columns of all series."""
        rows = []
        for service, name in enumerate(self.services):
            environment, region = ENVIRONMENTS[self.environment[service]]
            for route in range(len(ROUTE_SHARES)):
                key = service * len(ROUTE_SHARES) + route
                names = ("shop", environment, None, region, name, f"/r{route}", "GET")
                rows += [(key * 3 + m, key, metric, *names) for m, metric in enumerate(METRICS)]
        schema = {"series_id": pl.Int64, "key_id": pl.Int64, "metric": pl.String}
        texts = dict.fromkeys(KEY_COLUMNS, pl.String)
        return pl.DataFrame(rows, schema={**schema, **texts}, orient="row")

    def reach(self, service: int, upwards: bool) -> set[int]:
        """The service and all that call it, or that it calls."""
        found, waiting = {service}, [service]
        while waiting:
            here = waiting.pop()
            steps = (
                [a for a, below in enumerate(self.callees) if here in below]
                if upwards
                else self.callees[here]
            )
            for step in steps:
                if step not in found:
                    found.add(step)
                    waiting.append(step)
        return found


def plan(estate: Estate, faults: int, noise: int) -> tuple[list[Event], list[Event]]:
    """Faults in slots of their own after the warm-up, noise anywhere after them."""
    rng = np.random.default_rng([estate.seed, 2])
    begin, end = estate.scored_from_s, START.timestamp() + estate.days * 86_400
    slot = (end - begin) / max(faults, 1)
    planned = []
    for number in range(faults):
        kind = FAULTS[number % len(FAULTS)]
        length = rng.uniform(1200, 3600)
        at = begin + number * slot + rng.uniform(0, slot - length - 1800)
        planned.append(_fault(estate, kind, at, at + length, rng))
    blips: list[Event] = []
    while len(blips) < noise:
        blip = _blip(estate, NOISE[len(blips) % len(NOISE)], begin, end, rng)
        if not any(_mutes(estate, blip, fault) for fault in planned):
            blips.append(blip)
    return planned, blips


def _blip(estate: Estate, kind: str, begin: float, end: float, rng: np.random.Generator) -> Event:
    service = int(rng.integers(len(estate.callees)))
    low, high = {
        "deploy blip": (60, 180), "bad host": (300, 900), "late data": (60, 120),
        "maintenance": (1800, 3600),
    }[kind]  # fmt: skip
    at = rng.uniform(begin, end - high)
    at = at // WINDOW_S * WINDOW_S
    length = max(rng.uniform(low, high) // WINDOW_S, 1) * WINDOW_S
    return Event(kind, at, at + length, service, float(rng.uniform(0.3, 1.0)))


def _mutes(estate: Estate, blip: Event, fault: Event) -> bool:
    """True where the fault's service is in maintenance meanwhile: nobody is to be paged for it."""
    if blip.kind != "maintenance" or fault.kind == "region_slow":
        return False
    at_once = blip.start_s < fault.end_s and fault.start_s < blip.end_s
    return at_once and fault.service in estate.reach(blip.service, upwards=False)


def _fault(
    estate: Estate, kind: str, start_s: float, end_s: float, rng: np.random.Generator
) -> Event:
    names = estate.services
    if kind == "region_slow":
        place = int(rng.integers(len(ENVIRONMENTS)))
        inside = np.flatnonzero(estate.environment == place)
        hit = {s for service in inside for s in estate.reach(int(service), upwards=True)}
        magnitude = rng.uniform(60, 150)
        return Event(kind, start_s, end_s, place, magnitude, frozenset(names[s] for s in hit))
    if kind == "traffic_drop":
        service = int(rng.integers(LAYERS[0]))
        hit = estate.reach(service, upwards=False)
        return Event(kind, start_s, end_s, service, 1.0, frozenset(names[s] for s in hit))
    service = int(rng.integers(LAYERS[0], len(names)))
    hit = estate.reach(service, upwards=True)
    low, high = {
        "latency_step": (2.5, 4.0), "latency_ramp": (3.0, 4.5), "error_burst": (0.05, 0.3),
        "regression": (2.0, 3.0),
    }[kind]  # fmt: skip
    affected = frozenset(names[s] for s in hit)
    return Event(kind, start_s, end_s, service, float(rng.uniform(low, high)), affected)


def simulate(
    estate: Estate, faults: list[Event], noise: list[Event]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(observations, late revisions) a day: series_id, window_start, revision, value, weight."""
    for day in range(estate.days):
        rng = np.random.default_rng([estate.seed, 3, day])
        time_s = START.timestamp() + day * 86_400 + np.arange(STEPS) * WINDOW_S
        yield _Day(estate, time_s, rng).observe(faults, noise)


class _Day:
    """Arrays are (services, steps), then (services, routes, steps)."""

    def __init__(self, estate: Estate, time_s: np.ndarray, rng: np.random.Generator) -> None:
        self.estate, self.time_s, self.rng = estate, time_s, rng
        count = len(estate.callees)
        self.own = np.repeat(estate.own_ms[:, None], STEPS, axis=1)
        self.error = np.full((count, STEPS), 0.0015)
        self.let_in = np.ones((count, STEPS))

    def observe(self, faults: list[Event], noise: list[Event]) -> tuple[pl.DataFrame, pl.DataFrame]:
        for event in (*faults, *noise):
            during = (self.time_s >= event.start_s) & (self.time_s < event.end_s)
            if during.any():
                self._suffer(event, during)
        rate, error, total_ms = self._through_the_graph()
        requests = self.rng.poisson(
            rate[:, None, :] * ROUTE_SHARES[None, :, None] * WINDOW_S
        ).astype(float)
        failed = self.rng.binomial(requests.astype(int), np.clip(error, 0, 1)[:, None, :])
        spread = 0.75 / np.sqrt(np.maximum(requests, 1))
        route_ms = 1 + 0.4 * np.arange(len(ROUTE_SHARES))
        p95 = total_ms[:, None, :] * route_ms[None, :, None] * _P95_TO_MEAN
        p95 = p95 * np.exp(self.rng.normal(0, 1, requests.shape) * spread)
        whole = self._frame(requests, failed, p95)
        late = [event for event in noise if event.kind == "late data"]
        return self._withhold(whole, requests, late)

    def _suffer(self, event: Event, during: np.ndarray) -> None:
        service, size = event.service, event.magnitude
        match event.kind:
            case "latency_step":
                self.own[service, during] *= size
            case "latency_ramp":
                done = (self.time_s[during] - event.start_s) / (event.end_s - event.start_s)
                self.own[service, during] *= 1 + (size - 1) * done
            case "error_burst":
                self.error[service, during] += size
            case "traffic_drop" | "maintenance":
                self.let_in[service, during] = 0.0
            case "region_slow":
                inside = self.estate.environment == service
                self.own[np.ix_(inside, during)] += size
            case "regression":
                self.own[service, during] *= size
                self.error[service, during] += 0.1
            case "deploy blip":
                self.own[service, during] *= 1 + 2 * size
                self.error[service, during] += 0.05 * size
            case "bad host":
                # One of eight is slow: the tail of one service moves a little.
                self.own[service, during] *= 1 + 0.3 * size

    def _through_the_graph(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rates downwards, errors and latencies upwards."""
        estate = self.estate
        hour = (self.time_s % 86_400) / 3600
        # Weekends come and go over some hours, as people do.
        day = (self.time_s - START.timestamp()) / 86_400 % 7
        weekend = np.clip(np.minimum(day - 4.8, 7.2 - day) / 0.4, 0, 1)
        weekend = np.where(day < 0.2, np.clip((0.2 - day) / 0.4, 0, 1), weekend)
        season = 1 + 0.5 * np.cos(2 * np.pi * (hour - estate.peak_h[:, None]) / 24)
        drift = 1 + 0.04 * np.sin(self.time_s / 2_900 + estate.peak_h[:, None])
        rate = np.zeros_like(self.own)
        rate[: LAYERS[0]] = estate.entry_per_s[:, None] * season * drift
        rate[: LAYERS[0]] *= 1 - 0.15 * weekend
        for service, below in enumerate(estate.callees):
            rate[service] *= self.let_in[service]
            for callee in below:
                rate[callee] += 0.6 * rate[service]
        error, total = self.error, self.own.copy()
        passed = np.ones_like(error)
        for service in reversed(range(len(estate.callees))):
            for callee in estate.callees[service]:
                total[service] += total[callee]
                passed[service] *= 1 - _PROPAGATION * error[callee]
            error[service] = 1 - (1 - error[service]) * passed[service]
        return rate, error, total

    def _frame(self, requests: np.ndarray, failed: np.ndarray, p95: np.ndarray) -> pl.DataFrame:
        some = requests > 0
        value = np.stack(
            [
                requests / WINDOW_S,
                np.where(some, failed / np.maximum(requests, 1), np.nan),
                np.where(some, p95, np.nan),
            ],
            axis=2,
        )
        count = requests.shape[0] * requests.shape[1] * len(METRICS)
        at = pl.Series(np.tile(self.time_s * 1e6, count).astype(np.int64)).cast(pl.Datetime("us"))
        return pl.DataFrame(
            {
                "series_id": np.repeat(np.arange(count, dtype=np.int64), STEPS),
                "window_start": at.dt.replace_time_zone("UTC"),
                "revision": pl.Series(np.zeros(count * STEPS, np.int32)),
                "value": value.reshape(-1),
                "weight": np.repeat(requests[:, :, None, :], len(METRICS), axis=2).reshape(-1),
            }
        )

    def _withhold(
        self, whole: pl.DataFrame, requests: np.ndarray, late: list[Event]
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Windows of late data come with a tenth of their requests first, and whole after that."""
        here = [e for e in late if self.time_s[0] <= e.start_s <= self.time_s[-1]]
        if not here:
            return whole, whole.clear()
        per_service = len(ROUTE_SHARES) * len(METRICS)
        hit = pl.any_horizontal(
            (pl.col("series_id") // per_service == event.service)
            & (pl.col("window_start") >= _instant(event.start_s))
            & (pl.col("window_start") < _instant(event.end_s))
            for event in here
        )
        rate = pl.col("series_id") % len(METRICS) == 0
        partial = whole.with_columns(
            value=pl.when(hit & rate).then(pl.col("value") / 10).otherwise(pl.col("value")),
            weight=pl.when(hit).then((pl.col("weight") / 10).ceil()).otherwise(pl.col("weight")),
        )
        revised = whole.filter(hit).with_columns(revision=pl.lit(1, pl.Int32))
        return partial, revised


def _instant(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def calendar(noise: list[Event], names: list[str]) -> str:
    """The planned maintenance as iCalendar, one event each, its service in LOCATION."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Vigil//bench//EN"]
    for number, event in enumerate(noise):
        if event.kind != "maintenance":
            continue
        # Planners leave a margin.
        start = _instant(event.start_s) - timedelta(minutes=5)
        end = _instant(event.end_s) + timedelta(minutes=15)
        lines += [
            "BEGIN:VEVENT", f"UID:{number}", f"SUMMARY:{names[event.service]}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}", f"DTEND:{end:%Y%m%dT%H%M%SZ}", "END:VEVENT",
        ]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""])

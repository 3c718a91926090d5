"""Plans and their events: each hour of the estate's traffic as a table of spans.

Spans form real traces: a child lies inside its parent, a parent's duration is its own time plus
network plus children, errors travel upwards.
"""

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa

from vigil.errors import UsageError
from vigil.events.schema import EVENTS
from vigil.simulate.estate import JOURNEYS, TENANT, Hop, Journey
from vigil.simulate.faults import REGRESSION_ERROR_RATIO, Fault
from vigil.simulate.load import traffic

CHUNK_S = 3_600
HOSTS = 4
OLD_VERSION, NEW_VERSION = "1.4.2", "1.5.0"
_NEAR_MS, _FAR_MS = 0.6, 11.0
_HICCUP_RATIO, _HICCUP_TIMES = 0.001, 6.0
_PROPAGATION = 0.85


@dataclass(frozen=True, slots=True)
class SimulationPlan:
    """What is simulated; `traces_per_s` is the average over a working day."""

    start_at: datetime
    duration_s: int
    traces_per_s: float
    seed: int
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        if not self.traces_per_s > 0:
            raise UsageError(f"traces_per_s must be > 0, got {self.traces_per_s}")
        if self.duration_s <= 0:
            raise UsageError(f"duration_s must be > 0, got {self.duration_s}")


def chunk_count(plan: SimulationPlan) -> int:
    """Number of hours, the last one perhaps shorter."""
    return math.ceil(plan.duration_s / CHUNK_S)


def simulate_chunk(plan: SimulationPlan, index: int) -> pa.Table:
    """Spans (schema EVENTS) of the traces that begin in hour `index`, in order of emission.

    A span is emitted at its end, so event times are slightly out of order, as in reality. The
    result depends on (plan, index) alone.
    """
    spans = [
        _journey_spans(plan, index, number, journey) for number, journey in enumerate(JOURNEYS)
    ]
    table = pa.concat_tables(spans)
    end_us = table["time"].to_numpy().astype("int64") + table["duration_ms"].to_numpy() * 1_000
    return table.take(pa.array(np.argsort(end_us, kind="stable")))


def _journey_spans(plan: SimulationPlan, index: int, number: int, journey: Journey) -> pa.Table:
    rng = np.random.default_rng([plan.seed, 5, index, number])
    start_s = _arrivals(plan, index, number, journey, rng)
    start_s = _without_lost(plan, journey, start_s)
    return _Traces(plan, rng, start_s).spans(journey.root)


def _arrivals(
    plan: SimulationPlan, index: int, number: int, journey: Journey, rng: np.random.Generator
) -> np.ndarray:
    """Poisson arrivals, their rate constant within each 10 seconds."""
    step = 10.0
    length = min(CHUNK_S, plan.duration_s - index * CHUNK_S)
    begin = plan.start_at.timestamp() + index * CHUNK_S
    slots = begin + np.arange(0, length, step)
    rate = plan.traces_per_s * traffic(journey, slots, plan.seed, number)
    width = np.minimum(step, begin + length - slots)
    counts = rng.poisson(rate * width)
    return np.sort(np.repeat(slots, counts) + rng.random(counts.sum()) * np.repeat(width, counts))


def _without_lost(plan: SimulationPlan, journey: Journey, start_s: np.ndarray) -> np.ndarray:
    """Traces that a dead entry never lets in."""
    for fault in plan.faults:
        entry = journey.root.environment.name
        if fault.kind == "traffic_drop" and fault.environment == entry:
            start_s = start_s[np.isnan(fault.share_done(start_s))]
    return start_s


class _Traces:
    """n traces of one journey, made hop by hop; all arrays have length n."""

    def __init__(self, plan: SimulationPlan, rng: np.random.Generator, start_s: np.ndarray) -> None:
        self.plan = plan
        self.rng = rng
        self.start_s = start_s
        self.count = len(start_s)
        self.trace_id = self._ids(16)
        self.tables: list[pa.Table] = []
        self.active = {
            fault.fault_id: fault.share_done(start_s)
            for fault in plan.faults
            if fault.kind != "traffic_drop"
        }

    def spans(self, root: Hop) -> pa.Table:
        timing = self._timing(root)
        self._place(root, timing, np.zeros(self.count), None, None)
        return pa.concat_tables(self.tables)

    def _timing(self, hop: Hop) -> "_Timing":
        """Durations and failures, children first: a parent contains them."""
        own_ms = hop.own_ms * np.exp(self.rng.normal(0, hop.sigma, self.count))
        own_ms[self.rng.random(self.count) < _HICCUP_RATIO] *= _HICCUP_TIMES
        error_ratio = np.full(self.count, hop.error_ratio)
        version = np.zeros(self.count, bool)
        for fault in self.plan.faults:
            if fault.kind != "traffic_drop" and _hits(fault, hop):
                done = self.active[fault.fault_id]
                during = ~np.isnan(done)
                own_ms, added = _suffer(fault, own_ms, done, during)
                error_ratio = np.where(during, error_ratio + added, error_ratio)
                version |= during & (fault.kind == "deploy_regression")
        children = [self._timing(child) for child in hop.children]
        network = [self._network(hop, child) for child in hop.children]
        spent = [pair.total_ms + wire for pair, wire in zip(children, network, strict=True)]
        below = np.zeros(self.count)
        if spent:
            below = np.max(spent, axis=0) if hop.parallel else np.sum(spent, axis=0)
        failed = self.rng.random(self.count) < error_ratio
        inherited = np.zeros(self.count, bool)
        for child in children:
            passed = self.rng.random(self.count) < _PROPAGATION
            inherited |= (child.failed | child.inherited) & passed
        return _Timing(
            own_ms, own_ms + below, failed, inherited & ~failed, version, children, network
        )

    def _network(self, caller: Hop, callee: Hop) -> np.ndarray:
        near = caller.environment is callee.environment
        typical = _NEAR_MS if near else _FAR_MS
        return typical * np.exp(self.rng.normal(0, 0.25, self.count))

    def _place(
        self,
        hop: Hop,
        timing: "_Timing",
        offset_ms: np.ndarray,
        parent_id: pa.Array | None,
        caller: str | None,
    ) -> None:
        """Emit the hop's spans, then its children's, each half a network trip after its turn."""
        span_id = self._ids(8)
        self.tables.append(self._table(hop, timing, offset_ms, span_id, parent_id, caller))
        # Half of the own time is spent before the first call.
        turn = offset_ms + timing.own_ms / 2
        for child, below, wire in zip(hop.children, timing.children, timing.network, strict=True):
            self._place(child, below, turn + wire / 2, span_id, hop.service)
            if not hop.parallel:
                turn = turn + below.total_ms + wire

    def _table(
        self,
        hop: Hop,
        timing: "_Timing",
        offset_ms: np.ndarray,
        span_id: pa.Array,
        parent_id: pa.Array | None,
        caller: str | None,
    ) -> pa.Table:
        bad = timing.failed | timing.inherited
        status = np.where(timing.failed, 500, np.where(timing.inherited, 502, 200))
        time_us = np.round(self.start_s * 1e6 + offset_ms * 1e3).astype("int64")
        message = pa.array(["internal error", "upstream failed"])
        texts = message.take(pa.array(timing.inherited.astype("int8"), mask=~bad))
        place = hop.environment
        constant = {
            "kind": "server", "tenant": TENANT, "environment": place.name, "cloud": place.cloud,
            "region": place.region, "service": hop.service, "route": hop.route,
            "method": hop.method, "peer_service": caller,
        }  # fmt: skip
        columns = {
            "time": pa.array(time_us, pa.timestamp("us", tz="UTC")),
            "trace_id": self.trace_id,
            "span_id": span_id,
            "parent_span_id": parent_id,
            "status": pa.array(status, pa.int32()),
            "duration_ms": pa.array(timing.total_ms),
            "request_bytes": pa.array(self._bytes(400)),
            "response_bytes": pa.array(self._bytes(6_000)),
            "error": texts,
            "attributes": self._attributes(hop, timing.new_version),
        }
        arrays = []
        for field in EVENTS:
            if field.name in constant:
                value = pa.scalar(constant[field.name], pa.string())
                arrays.append(pa.repeat(value, self.count))
            else:
                column = columns[field.name]
                arrays.append(pa.nulls(self.count, field.type) if column is None else column)
        return pa.Table.from_arrays(arrays, schema=EVENTS)

    def _bytes(self, typical: int) -> np.ndarray:
        return (typical * np.exp(self.rng.normal(0, 0.4, self.count))).astype("int64")

    def _attributes(self, hop: Hop, new_version: np.ndarray) -> pa.Array:
        hosts = [f"{hop.service}-{hop.environment.name}-{number}" for number in range(HOSTS)]
        choices = [
            [("version", version), ("host", host)]
            for version in (OLD_VERSION, NEW_VERSION)
            for host in hosts
        ]
        kinds = pa.array(choices, pa.map_(pa.string(), pa.string()))
        host = self.rng.integers(HOSTS, size=self.count)
        return kinds.take(pa.array(new_version * HOSTS + host))

    def _ids(self, size: int) -> pa.Array:
        digits = self.rng.bytes(size * self.count).hex().encode()
        offsets = np.arange(self.count + 1, dtype="int32") * (2 * size)
        return pa.StringArray.from_buffers(
            self.count, pa.py_buffer(offsets.tobytes()), pa.py_buffer(digits)
        )


@dataclass(frozen=True, slots=True)
class _Timing:
    own_ms: np.ndarray
    total_ms: np.ndarray
    failed: np.ndarray
    inherited: np.ndarray
    new_version: np.ndarray
    children: list["_Timing"]
    network: list[np.ndarray]


def _hits(fault: Fault, hop: Hop) -> bool:
    here = fault.environment == hop.environment.name
    return here and fault.service in (None, hop.service)


def _suffer(
    fault: Fault, own_ms: np.ndarray, done: np.ndarray, during: np.ndarray
) -> tuple[np.ndarray, float]:
    """Own time under the fault, and the error ratio that it adds."""
    match fault.kind:
        case "latency_step":
            return np.where(during, own_ms * fault.magnitude, own_ms), 0.0
        case "latency_ramp":
            return np.where(during, own_ms * (1 + (fault.magnitude - 1) * done), own_ms), 0.0
        case "region_slow":
            return np.where(during, own_ms + fault.magnitude, own_ms), 0.0
        case "deploy_regression":
            return np.where(during, own_ms * fault.magnitude, own_ms), REGRESSION_ERROR_RATIO
        case _:
            return own_ms, fault.magnitude

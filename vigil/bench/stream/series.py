"""What many series cost: scoring one closed window of each, and the memory they take."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import psutil

from vigil.config import Settings
from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector
from vigil.events.dead_letters import DEAD_LETTERS
from vigil.events.decode import Decoded, Limits
from vigil.events.rules import polars_schema
from vigil.events.schema import EVENTS, TOPIC_EVENTS
from vigil.features.observations import SCORED_METRICS
from vigil.stores.checkpoint import Checkpoint, CheckpointStore, Part
from vigil.stores.database import open_database
from vigil.stores.local_state import LocalState
from vigil.stream.pipeline import Pipeline, Reading
from vigil.stream.state import State
from vigil.windows.tumbling import WindowSpec

STEP_S = 10.0
START_S = 1_772_400_000.0
WARM_WINDOWS = 40
CHECKPOINTS = 8
KINDS = (MetricKind.RATE, MetricKind.RATIO, MetricKind.LATENCY)


def _window(number: int, series: int, rng: np.random.Generator) -> Observations:
    """One value of each series, a third of each kind."""
    kind = np.resize(np.array(KINDS, np.int8), series)
    value = rng.lognormal(3.0, 0.2, series)
    value[kind == MetricKind.RATIO] = (
        rng.binomial(500, 0.01, int((kind == MetricKind.RATIO).sum())) / 500
    )
    return Observations(
        series_id=np.arange(series),
        time_s=np.full(series, START_S + number * STEP_S),
        value=value,
        weight=np.full(series, 500.0),
        kind=kind,
    )


def measure_scoring(series: int, rounds: int, tick: Callable[[], None]) -> dict[str, Any]:
    """Milliseconds for one closed window of each series, and for a numpy pass over its arrays."""
    rng = np.random.default_rng(7)
    detector = OnlineDetector(DetectorSettings())
    for number in range(WARM_WINDOWS):
        detector.update(_window(number, series, rng))
    scored, passed = [], []
    for number in range(rounds):
        window = _window(WARM_WINDOWS + number, series, rng)
        began = time.perf_counter()
        detector.update(window)
        scored.append(time.perf_counter() - began)
        arrays = list(detector.state().values())
        began = time.perf_counter()
        for array in arrays:
            array.sum()
        passed.append(time.perf_counter() - began)
        tick()
    return {
        "series": series,
        "scoring_ms": round(1e3 * median(scored), 2),
        "numpy_pass_ms": round(1e3 * median(passed), 2),
    }


def measure_checkpoint(settings: Settings, series: int) -> dict[str, Any]:
    """Memory and checkpoint of a scorer that has so many series of requests.

    The pause is how long a step waits for its checkpoint; the rest is written beside the next one.
    """
    engine = open_database(settings)
    store = CheckpointStore(engine, "bench")
    pipeline, before_bytes = _pipeline(), psutil.Process().memory_info().rss
    pauses, written, known = [], [], dict[str, bytes]()
    for number in range(CHECKPOINTS):
        # Every second step brings the records of a new window, the others more of the same one.
        reading = _requests(number // 2, series // len(SCORED_METRICS))
        step = pipeline.take([reading])
        began = time.perf_counter()
        state = pipeline.state()
        pauses.append(time.perf_counter() - began)
        parts = {name: part.content() for name, part in state.parts().items()}
        written.append(sum(len(parts[name]) for name in parts if parts[name] != known.get(name)))
        known = parts
        began = time.perf_counter()
        store.commit(Checkpoint(number + 1, {}, pipeline.counters), step.outputs, state.parts())
        commit_s = time.perf_counter() - began
    detector = sum(array.nbytes for array in state.arrays["detector"].values())
    frames = [frame for group in state.frames.values() for frame in group.values()]
    in_memory = detector + sum(int(frame.estimated_size()) for frame in frames)
    resident = psutil.Process().memory_info().rss - before_bytes
    began = time.perf_counter()
    loaded = CheckpointStore(engine, "bench").load()
    assert loaded is not None
    restored = _pipeline()
    restored.restore(State.of(loaded.state), loaded.counters)
    restore_s = time.perf_counter() - began
    found = restored.series_count
    in_database = _measure_whole(CheckpointStore(engine, "whole"), parts)
    with closing(LocalState(settings.home / "state.sqlite", "local")) as local:
        on_disk = _measure_whole(CheckpointStore(engine, "local", local), parts)
    engine.dispose()
    return {
        "series": found,
        "detector_bytes_per_series": round(detector / found),
        "state_bytes_per_series": round(in_memory / found),
        "checkpoint_bytes_per_series": round(sum(map(len, parts.values())) / found),
        "process_bytes_per_series": round(resident / found),
        "pause_within_a_window_ms": round(1e3 * median(pauses[1::2]), 1),
        # The first copies of all are made in new memory.
        "pause_at_its_end_ms": round(1e3 * median(pauses[2::2]), 1),
        "last_commit_ms": round(1e3 * commit_s),
        "written_mb_within_a_window": round(min(written[CHECKPOINTS // 2 :]) / 1e6, 1),
        "written_mb_at_its_end": round(max(written[CHECKPOINTS // 2 :]) / 1e6, 1),
        "restore_s": round(restore_s, 2),
        "whole_state_in_database": in_database,
        "whole_state_on_local_disk": on_disk,
    }


def _measure_whole(store: CheckpointStore, contents: Mapping[str, bytes]) -> dict[str, float]:
    """A state of which all is new, written at once and restored."""
    parts = {name: Part(content, partial(bytes, content)) for name, content in contents.items()}
    outputs = _pipeline().take([]).outputs
    began = time.perf_counter()
    store.commit(Checkpoint(1, {}, {}), outputs, parts)
    committed = time.perf_counter()
    loaded = store.load()
    assert loaded is not None
    State.of(loaded.state)
    return {
        "commit_ms": round(1e3 * (committed - began)),
        "load_ms": round(1e3 * (time.perf_counter() - committed)),
    }


def _pipeline() -> Pipeline:
    return Pipeline(WindowSpec(), Limits(), OnlineDetector(DetectorSettings()))


def _requests(window: int, keys: int) -> Reading:
    """Three requests of each key in a window of ten seconds."""
    rng = np.random.default_rng(window)
    count = 3 * keys
    start_us = int((START_S + STEP_S * window) * 1e6)
    times = pl.Series(start_us + np.sort(rng.integers(0, int(STEP_S * 1e6), count)))
    schema = polars_schema(EVENTS)
    number = pl.Series(np.arange(count) % keys)
    records = pl.select(
        time=pl.lit(times).cast(schema["time"]),
        kind=pl.lit("server"),
        service=pl.lit("service-" + (number % 500).cast(pl.String)),
        route=pl.lit("/route/" + (number // 500).cast(pl.String)),
        method=pl.lit("GET"),
        status=pl.lit(200, pl.Int32),
        duration_ms=pl.lit(pl.Series(rng.lognormal(3.0, 0.5, count))),
    )
    missing = [pl.lit(None, schema[name]).alias(name) for name in schema if name not in records]
    records = records.with_columns(missing).select(list(schema))
    nothing = pl.DataFrame(schema=DEAD_LETTERS)
    return TOPIC_EVENTS, 0, Decoded(records, np.zeros(count, np.int64), nothing)

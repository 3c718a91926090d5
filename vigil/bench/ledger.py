"""How much room the ledger takes, and how long an answer takes, at a given number of series."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import sqlalchemy as sa

from vigil.alerts.why import Ledger
from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector
from vigil.events.schema import KEY_COLUMNS
from vigil.features.observations import SCORED_METRICS
from vigil.stores.database import copy_frame, driver
from vigil.stores.ledger import LedgerSpec
from vigil.stores.score_blocks import BLOCK_S, SCORES, encode_blocks

END = datetime(2026, 3, 31, tzinfo=UTC)
DAY_S = 86_400
# Distinct series that are really scored; the others are copies of their blocks, equally large.
DISTINCT = 60
LOOKUPS = 200

Progress = Callable[[int, int, str], None]


def bench_ledger(
    engine: sa.Engine,
    series: int,
    days: int,
    window_s: int,
    seed: int,
    progress: Progress = lambda done, total, what: None,
) -> dict[str, Any]:
    """Fill an empty database with decisions as the scorer and its housekeeping leave them; ask it.

    Real decisions of DISTINCT seasonal series are packed and copied to the others. The youngest
    hours stay rows. Bytes are those of the tables with their indexes.
    """
    names = _directory(engine, series)
    hot = timedelta(seconds=BLOCK_S + LedgerSpec().hot_h * 3600)
    began = time.process_time()
    windows = 0
    for number, day in enumerate(_days(days, window_s, seed)):
        progress(number, days, "packing and writing decisions")
        windows += _write_day(engine, day, names, END - hot)
    progress(days, days, "asking")
    written_s = time.process_time() - began
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("VACUUM ANALYZE scores, score_blocks"))
        sizes = {
            table: connection.execute(
                sa.text("SELECT pg_total_relation_size(:table)"), {"table": table}
            ).scalar_one()
            for table in ("score_blocks", "scores")
        }
    took_ms = _ask(engine, names, days, window_s, seed)
    return {
        "series": series,
        "days": days,
        "window_s": window_s,
        "decisions": windows,
        "blocks_bytes": sizes["score_blocks"],
        "rows_bytes": sizes["scores"],
        "bytes_per_decision": round(sum(sizes.values()) / windows, 2),
        "gib": round(sum(sizes.values()) / 2**30, 3),
        "lookups": LOOKUPS,
        "lookup_ms_median": round(median(took_ms), 1),
        "lookup_ms_p95": round(float(np.quantile(took_ms, 0.95)), 1),
        "lookup_ms_worst": round(max(took_ms), 1),
        "packed_per_cpu_s": round(windows * DISTINCT / max(series, DISTINCT) / written_s),
    }


def _directory(engine: sa.Engine, count: int) -> np.ndarray:
    """Enter `count` series; returns their ids."""
    ids = np.arange(count, dtype=np.int64)
    keys = pl.DataFrame({"key_id": ids // len(SCORED_METRICS)}).unique().sort("key_id")
    text = pl.col("key_id").cast(pl.String)
    keys = keys.with_columns(
        tenant=pl.lit("shop"),
        environment=pl.lit("aws-prod"),
        cloud=pl.lit("aws"),
        region=pl.lit("eu-west-1"),
        service=pl.lit("service-") + text,
        route=pl.lit("/route/") + text,
        method=pl.lit("GET"),
    ).select("key_id", *KEY_COLUMNS)
    series = pl.DataFrame(
        {
            "series_id": ids,
            "key_id": ids // len(SCORED_METRICS),
            "metric": np.array(SCORED_METRICS)[ids % len(SCORED_METRICS)],
        }
    )
    with engine.begin() as connection:
        copy_frame(connection, keys, "keys")
        copy_frame(connection, series, "series")
    return ids


def _days(days: int, window_s: int, seed: int) -> Iterator[pl.DataFrame]:
    """Scores of DISTINCT series, a day at a time, as the online detector decides on them."""
    rng = np.random.default_rng(seed)
    detector = OnlineDetector(DetectorSettings())
    typical = rng.uniform(5, 200, DISTINCT)
    slow = np.exp(rng.normal(4, 1, DISTINCT))
    start_s = END.timestamp() - days * DAY_S
    for day in range(days):
        time_s = start_s + day * DAY_S + np.arange(0, DAY_S, window_s, dtype=float)
        season = 1 + 0.5 * np.sin(2 * np.pi * time_s / DAY_S)
        requests = rng.poisson(typical[:, None] * season * window_s / 10)
        kinds = np.arange(DISTINCT) % len(SCORED_METRICS)
        noise = np.exp(rng.normal(0, 0.12, requests.shape))
        errors = rng.binomial(requests, 0.005) / np.maximum(requests, 1)
        choices = np.stack([requests / window_s, errors, slow[:, None] * noise])
        value = choices[kinds, np.arange(DISTINCT)]
        yield _decide(detector, time_s, value, requests, kinds)


def _decide(
    detector: OnlineDetector,
    time_s: np.ndarray,
    value: np.ndarray,
    requests: np.ndarray,
    kinds: np.ndarray,
) -> pl.DataFrame:
    count, steps = value.shape
    ids = np.repeat(np.arange(count, dtype=np.int64), steps)
    kind = np.array([MetricKind.RATE, MetricKind.RATIO, MetricKind.LATENCY], np.int8)
    decided = detector.update(
        Observations(
            ids,
            np.tile(time_s, count),
            value.ravel(),
            requests.ravel().astype(float),
            kind[kinds].repeat(steps),
        )
    )
    at = pl.Series((np.tile(time_s, count) * 1e6).astype(np.int64)).cast(pl.Datetime("us"))
    columns = {
        name: getattr(decided, name)
        for name in ("expected", "lower", "upper", "p", "score", "flagged", "gate", "warming_up")
    }
    frame = pl.DataFrame(
        {
            "series_id": ids,
            "window_start": at.dt.replace_time_zone("UTC"),
            "revision": 0,
            "actual": value.ravel(),
            "weight": requests.ravel(),
            **columns,
            "model": "online",
        }
    )
    return frame.cast(pl.Schema(SCORES)).with_columns(pl.col(pl.Float64).fill_nan(None))


def _write_day(engine: sa.Engine, day: pl.DataFrame, ids: np.ndarray, hot_at: datetime) -> int:
    """Old unflagged decisions as blocks, the rest as rows; returns how many for all series."""
    old = day.filter((pl.col("window_start") < hot_at) & ~pl.col("flagged"))
    rows = day.join(old.select("series_id", "window_start"), on=["series_id", "window_start"],
                    how="anti")  # fmt: skip
    blocks = list(encode_blocks(old))
    with engine.begin() as connection:
        with (
            driver(connection).cursor() as cursor,
            cursor.copy(
                "COPY score_blocks (series_id, block_start, windows, content)"
                " FROM STDIN (FORMAT binary)"
            ) as copy,
        ):
            copy.set_types(["int8", "timestamptz", "int4", "bytea"])
            for first in range(0, len(ids), DISTINCT):
                for series_id, start_at, windows, content in blocks:
                    if first + series_id < len(ids):
                        copy.write_row((first + series_id, start_at, windows, content))
        for first in range(0, len(ids), DISTINCT):
            copied = rows.with_columns(pl.col("series_id") + first)
            copy_frame(connection, copied.filter(pl.col("series_id") < len(ids)), "scores")
    return day.height * len(ids) // DISTINCT


def _ask(engine: sa.Engine, ids: np.ndarray, days: int, window_s: int, seed: int) -> list[float]:
    """Milliseconds of LOOKUPS questions for random series and times."""
    rng = np.random.default_rng([seed, 1])
    ledger = Ledger(engine, window_s, (1e-3, 5e-3))
    took_ms = []
    for number in rng.choice(ids, LOOKUPS):
        at = END - timedelta(seconds=int(rng.integers(1, days * DAY_S)))
        began = time.perf_counter()
        answer = ledger.explain(str(number), at)
        took_ms.append(1e3 * (time.perf_counter() - began))
        assert answer.window_start is not None, (number, at)
    return took_ms

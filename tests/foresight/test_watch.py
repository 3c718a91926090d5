"""Looks ahead at objectives: warned of only with a record that deserves it."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import sqlalchemy as sa

from vigil.events.schema import KEY_COLUMNS
from vigil.foresight.watch import HORIZON_STEPS, look_ahead
from vigil.objectives.openslo import Objective
from vigil.stores.database import copy_frame

START_AT = datetime(2026, 3, 2, tzinfo=UTC)
STEP = timedelta(minutes=5)
DAYS, EVERY, RAMP = 7, 96, 60
PAID = Objective("paid", "availability", {"service": "shop"}, None, 0.99, 28 * 86_400)


def bad_share(ramps: list[int], steps: int) -> np.ndarray:
    """Two per mille; from each ramp's begin it grows to two per cent in five hours."""
    share = np.full(steps, 0.002)
    for begin in ramps:
        stretch = slice(begin, min(begin + RAMP, steps))
        share[stretch] = 0.002 + 0.018 * np.arange(stretch.stop - begin) / RAMP
    return share


def fill(engine: sa.Engine, share: np.ndarray) -> None:
    """Windows of five minutes of one service, 20,000 requests each."""
    steps = len(share)
    errors = np.random.default_rng(1).binomial(20_000, share)
    key = pl.DataFrame(
        [(1, *["shop" if name == "service" else None for name in KEY_COLUMNS])],
        schema={"key_id": pl.Int64, **dict.fromkeys(KEY_COLUMNS, pl.String)}, orient="row",
    )  # fmt: skip
    series = pl.DataFrame({"series_id": [1], "key_id": [1], "metric": ["error_ratio"]})
    windows = pl.DataFrame(
        {
            "key_id": 1, "window_start": [START_AT + STEP * n for n in range(steps)],
            "window_s": 300, "revision": 0, "requests": 20_000, "errors": errors,
            "duration_ms_sum": 0.0, "request_bytes": 0, "response_bytes": 0,
            "sketch_buckets": [[1]] * steps, "sketch_counts": [[1]] * steps,
            "worst_traces": [["a"]] * steps,
        }
    )  # fmt: skip
    with engine.begin() as connection:
        copy_frame(connection, key, "keys")
        copy_frame(connection, series, "series")
        copy_frame(connection, windows, "request_windows")


def incidents(engine: sa.Engine) -> list[tuple[str, str, str]]:
    query = sa.text("SELECT status, title, document->>'reason' FROM incidents")
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def ramps(engine: sa.Engine) -> sa.Engine:
    """A week with a ramp every eight hours, which breaks the objective half way."""
    steps = DAYS * 288
    fill(engine, bad_share(list(range(48, steps, EVERY)), steps))
    return engine


def test_a_ramp_is_warned_of_before_it_breaks_by_a_group_with_a_record(ramps):
    """Once, with the record in its words; it ends when the ramp is mended, and was right."""
    begin = 48 + 18 * EVERY
    rising = START_AT + STEP * (begin + RAMP * 2 // 5)
    for _ in range(2):
        [outlook] = look_ahead(ramps, [PAID], rising)
        assert outlook.warned
        assert outlook.probability >= 0.8
        [(status, title, reason)] = incidents(ramps)
        assert status == "open"
        assert title.startswith("paid breaks its objective within 4 h with probability")
        assert "such warnings" in reason
        assert "ahead at the median" in reason
    mended = START_AT + STEP * (begin + RAMP + 6)
    [outlook] = look_ahead(ramps, [PAID], mended)
    assert not outlook.warned
    assert [status for status, *_ in incidents(ramps)] == ["resolved"]
    with ramps.connect() as connection:
        query = sa.text("SELECT settled, lead_s FROM looks_ahead WHERE at = :at")
        settled, lead_s = connection.execute(query, {"at": rising}).one()
    assert settled
    assert 0 < lead_s <= HORIZON_STEPS * 300


def test_without_a_record_the_same_ramp_is_shown_and_nobody_is_told(engine):
    """The first ramp of a service that was always well."""
    steps = DAYS * 288
    fill(engine, bad_share([steps - RAMP], steps))
    [outlook] = look_ahead(engine, [PAID], START_AT + STEP * (steps - RAMP * 3 // 5))
    assert outlook.probability >= 0.5
    assert not outlook.record.deserves_warnings
    assert not outlook.warned
    assert incidents(engine) == []


def test_a_service_that_is_well_is_left_alone(engine):
    """No ramp, no break, no warning."""
    fill(engine, bad_share([], 3 * 288))
    [outlook] = look_ahead(engine, [PAID], START_AT + timedelta(days=3))
    assert outlook.probability < 0.1
    assert incidents(engine) == []


def test_without_windows_nothing_is_said(engine):
    """A reason instead of a number."""
    [outlook] = look_ahead(engine, [PAID], START_AT)
    assert outlook.probability is None
    assert outlook.reason == "no requests of service=shop"

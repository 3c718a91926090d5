"""The day ahead of a whole estate: every series, totals that add up, and a verdict afterwards."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest

from vigil.features.grid import TrainingSeries, TrainingSet
from vigil.forecast.estate import FORECASTS, forecast_estate, judge_forecasts

START_AT, DAYS = datetime(2026, 3, 2, tzinfo=UTC), 10
SERVICES = {1: "cart", 2: "cart", 3: "search", 4: "cart"}


def training(days: int) -> TrainingSet:
    """Three routes' rates and one latency, by the hour."""
    hours = pd.date_range(START_AT.replace(tzinfo=None), periods=24 * days, freq="h")
    items = []
    for series_id in SERVICES:
        wave = 1 + 0.5 * np.sin(2 * np.pi * np.arange(len(hours)) / 24)
        noise = np.random.default_rng(series_id).normal(size=24 * 30)[: len(hours)]
        value = pd.Series(10.0 * series_id * wave + noise, index=hours)
        metric = "latency_ms_p95" if series_id == 4 else "request_rate"
        items.append(TrainingSeries(series_id, metric, 3600, value))
    return TrainingSet(tuple(items), {}, START_AT, START_AT + timedelta(days=days))


@pytest.fixture(scope="module")
def made() -> pl.DataFrame:
    return forecast_estate(training(DAYS), SERVICES)


def test_every_series_and_every_total_has_a_day(made):
    """Four series, two services that have request rates, the estate; 24 hours each."""
    assert dict(made.schema) == FORECASTS
    assert made.group_by("level").len().sort("level").rows() == [
        ("estate", 24), ("route", 96), ("service", 48),
    ]  # fmt: skip
    assert made["time"].min() == START_AT + timedelta(days=DAYS)


def test_rates_add_up_from_route_to_estate(made):
    """And a latency adds up to nothing."""
    rates = made.filter(pl.col("metric") == "request_rate")
    sums = rates.group_by("level", "time").agg(pl.col("mean").sum()).sort("time", "level")
    estate, route, service = (
        sums.filter(pl.col("level") == level)["mean"] for level in ("estate", "route", "service")
    )
    np.testing.assert_allclose(estate, route)
    np.testing.assert_allclose(estate, service)


def test_bands_hold_the_forecast(made):
    """Quantiles rise around the mean, also where it was moved."""
    assert (
        made.select((pl.col("p2_5") <= pl.col("p10")) & (pl.col("p10") <= pl.col("p90")))
        .to_series()
        .all()
    )
    assert made.select(pl.col("mean").is_between("p2_5", "p97_5")).to_series().all()


def test_the_morning_after_says_what_it_was_worth(made):
    """Against a regular day: better than the day before, and bands that hold."""
    verdict = judge_forecasts(made, training(DAYS + 1))
    assert verdict.compared == 4 * 24
    assert verdict.relative_error < 1
    assert 0.7 < verdict.covered_80 <= 1
    assert verdict.covered_95 >= verdict.covered_80


def test_with_nothing_to_compare_nothing_is_said(made):
    """Neither good nor bad."""
    assert judge_forecasts(made, training(DAYS)).compared == 0

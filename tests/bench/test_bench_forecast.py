"""The forecast benchmark: cases look back only, figures mean what they say."""

import numpy as np
import pandas as pd
import pytest

from vigil.bench.forecast import bench_forecasters, forecast_cases, judge, summarise
from vigil.bench.forecast_batch import bench_batch
from vigil.bench.forecast_peers import FORECAST_PEERS


@pytest.fixture
def cases(tmp_path):
    """Two origins of an hourly series of ten days that counts its hours."""
    hours = pd.date_range("2026-03-02", periods=240, freq="h")
    path = tmp_path / "family" / "series.csv"
    path.parent.mkdir()
    pd.DataFrame({"t": hours, "v": np.arange(240) % 24}).to_csv(path, index=False)
    return forecast_cases(tmp_path, 2)


def test_a_case_is_a_history_and_what_followed(cases):
    """One step for an hour, 24 for a day, right after the history's end."""
    assert [(case.horizon, len(case.actual)) for case in cases] == 2 * [("1h", 1), ("24h", 24)]
    assert [len(case.history) for case in cases] == [120, 120, 216, 216]
    assert cases[1].actual.tolist() == list(range(24))


def test_the_figures_of_a_known_forecast(cases):
    """Off by two everywhere with a band of three: not covered by 80 %, covered by 95 %."""
    case = cases[1]
    quantile = case.actual[:, None] + 2 + np.array([-3.0, -1, 0, 1, 3])[None, :]
    found = judge(case, quantile)
    assert found["covered_80"] == 0
    assert found["covered_95"] == 1
    assert found["mase"] == pytest.approx(2 / case.scale)
    # Losses by hand: 2·(0.975·1), 2·(0.9·1), 2·(0.5·2), 2·(0.1·3), 2·(0.025·5), of which the mean;
    # the forecast is too high, so each level counts from its other side.
    by_hand = 2 * np.mean([0.025 * 1, 0.9 * 1, 0.5 * 2, 0.1 * 3, 0.025 * 5])
    assert found["wis"] == pytest.approx(by_hand / case.scale)


def test_the_summary_compares_with_seasonal_naive(cases):
    """A repeating day: the yardstick is perfect, and nobody is far worse."""
    both = {name: FORECAST_PEERS[name] for name in ("seasonal_naive", "vigil")}
    rows = summarise(bench_forecasters(cases, both))
    assert {row["family"] for row in rows} == {"all", "family"}
    assert all(row["mase"] == 0 for row in rows)
    assert all(row["failed"] == 0 for row in rows)


def test_a_batch_is_better_than_the_day_before_and_keeps_its_memory():
    """Ten thousand series would need no more than these, as they go in chunks."""
    found = bench_batch(40)
    assert found["relative_error"] < 0.9
    assert found["memory_above_input_mib"] < 500

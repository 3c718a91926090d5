"""Settings are chosen without the family that they are judged on."""

import numpy as np
import pandas as pd
import pytest

from vigil.bench.forecast import forecast_cases
from vigil.bench.forecast_crossval import choose, cross_validate, settings_grid
from vigil.forecast.settings import DEFAULT_SETTINGS


def results(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """(series, forecaster, wis) of one horizon."""
    return pd.DataFrame(rows, columns=["series", "forecaster", "wis"]).assign(horizon="1h")


def test_the_defaults_are_among_those_tried():
    """Else they could not be said to have been chosen."""
    assert DEFAULT_SETTINGS in settings_grid().values()


def test_series_of_all_sizes_have_one_vote():
    """`a` halves the score of two small series, `b` that of a huge one."""
    table = results(
        ("small 1", "seasonal_naive", 1.0), ("small 1", "a", 0.5), ("small 1", "b", 1.0),
        ("small 2", "seasonal_naive", 1.0), ("small 2", "a", 0.5), ("small 2", "b", 1.0),
        ("huge", "seasonal_naive", 900.0), ("huge", "a", 900.0), ("huge", "b", 450.0),
    )  # fmt: skip
    assert choose(table, ["a", "b"]) == "a"


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Two families of noisy days, each held out once."""
    folder = tmp_path_factory.mktemp("families")
    rng = np.random.default_rng(1)
    hours = pd.date_range("2026-03-02", periods=240, freq="h")
    for family in ("first", "second"):
        (folder / family).mkdir()
        for number in range(2):
            value = 10 + np.sin(np.arange(240) * np.pi / 12) + rng.normal(0, 0.3, 240)
            path = folder / family / f"{number}.csv"
            pd.DataFrame({"t": hours, "v": value}).to_csv(path, index=False)
    return {row["family"]: row for row in cross_validate(forecast_cases(folder, 2, 2))}


def test_each_family_is_held_out_and_all_are_pooled_with_their_spread(rows):
    """The pooled figure lies between those of the families."""
    pooled = rows["all, held out"]["relative_mase_24h"]
    own = [rows[family]["relative_mase_24h"] for family in ("first", "second")]
    assert min(own) <= pooled <= max(own)
    assert rows["spread over families"]["relative_mase_24h"] == pytest.approx(
        np.std(own, ddof=1), abs=1e-3
    )
    assert rows["all, low"]["covered_80_24h"] <= rows["all, high"]["covered_80_24h"]


def test_what_was_chosen_is_said(rows):
    """By the names that the grid has."""
    assert rows["first"]["chosen"] in settings_grid()

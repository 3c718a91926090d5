"""The forecast benchmark: cases look back only, figures mean what they say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vigil.bench import forecast_simulated
from vigil.bench.forecast import (
    bench_forecasters,
    forecast_cases,
    forecasts_to_make,
    judge,
    summarise,
)
from vigil.bench.forecast_batch import bench_batch
from vigil.bench.forecast_peers import FORECAST_PEERS, candidate_peers
from vigil.bench.forecast_verdict import verdict


@pytest.fixture
def cases(tmp_path):
    """Three origins of an hourly series of ten days that counts its hours, peers at two."""
    hours = pd.date_range("2026-03-02", periods=240, freq="h")
    path = tmp_path / "family" / "series.csv"
    path.parent.mkdir()
    pd.DataFrame({"t": hours, "v": np.arange(240) % 24}).to_csv(path, index=False)
    return forecast_cases(tmp_path, 3, 2)


def test_a_case_is_a_history_and_the_day_after_it(cases):
    """One step of it is the hour ahead."""
    assert [len(case.history) for case in cases] == [120, 168, 216]
    assert cases[0].actual.tolist() == list(range(24))
    assert cases[0].steps == {"1h": 1, "24h": 24}


def test_a_gap_is_no_evidence_and_nobody_forecasts_from_it(tmp_path):
    """Vigil is told which steps were not measured; a peer that takes no gaps has them filled."""
    hours = pd.date_range("2026-03-02", periods=240, freq="h")
    path = tmp_path / "family" / "series.csv"
    path.parent.mkdir()
    # From noon to midnight nothing is measured.
    known = pd.DataFrame({"t": hours, "v": np.arange(240) % 24}).query("v < 12")
    known.to_csv(path, index=False)
    cases = forecast_cases(tmp_path, 40, 2)
    assert len(cases) > 30
    for case in cases:
        assert np.isfinite(case.history.iloc[-1])
        assert case.history.isna().sum() == (case.history.index.hour >= 12).sum()
        assert np.isfinite(FORECAST_PEERS["seasonal_naive"](case.history, 24, 24)).all()


def test_peers_forecast_at_some_origins_only(cases):
    """Vigil and the yardstick at all three, another at the first and the last."""
    assert [case.with_peers for case in cases] == [True, False, True]
    names = ("vigil", "seasonal_naive", "auto_ets")
    assert forecasts_to_make(cases, names) == 8
    results = bench_forecasters(cases, {name: FORECAST_PEERS[name] for name in names})
    counted = results.groupby(["forecaster", "horizon"]).size()
    assert counted["vigil", "1h"] == counted["seasonal_naive", "24h"] == 3
    assert counted["auto_ets", "24h"] == 2


def test_each_forecaster_of_the_workbench_can_be_judged_in_bands(cases):
    """All but the mixture, which they are compared with."""
    peers = candidate_peers()
    assert "mixture_in_bands" not in peers
    assert {"seasonal_median_in_bands", "sktime_arima_in_bands", "darts_fft_in_bands"} <= set(peers)
    quantile = peers["seasonal_median_in_bands"](cases[0].history, 24, 24)
    np.testing.assert_allclose(quantile, np.repeat(cases[0].actual[:, None], 5, axis=1), atol=1e-6)


def test_the_figures_of_a_known_forecast(cases):
    """Off by two everywhere with a band of three: not covered by 80 %, covered by 95 %."""
    case = cases[0]
    quantile = case.actual[:, None] + 2 + np.array([-3.0, -1, 0, 1, 3])[None, :]
    found = judge(case, quantile, 24)
    assert found["covered_80"] == 0
    assert found["covered_95"] == 1
    assert found["mase"] == pytest.approx(2 / case.scale)
    # Losses by hand: 2·(0.975·1), 2·(0.9·1), 2·(0.5·2), 2·(0.1·3), 2·(0.025·5), of which the mean;
    # the forecast is too high, so each level counts from its other side.
    by_hand = 2 * np.mean([0.025 * 1, 0.9 * 1, 0.5 * 2, 0.1 * 3, 0.025 * 5])
    assert found["wis"] == pytest.approx(by_hand / case.scale)


def results_of(**mase: list[float]) -> pd.DataFrame:
    """One row a forecaster and origin of one series, with bands that never hold."""
    rows = [
        {"family": "f", "series": "f/s", "origin": origin, "horizon": "24h", "forecaster": name,
         "mase": value, "wis": value, "covered_80": 0.0, "covered_95": 0.0, "cpu_s": 0.001}
        for name, values in mase.items() for origin, value in enumerate(values)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_forecasters_are_compared_on_the_cases_that_both_have():
    """The peer's two cases are the easy ones: its error is half the yardstick's there."""
    rows = summarise(
        results_of(seasonal_naive=[2, 2, 20, 20], vigil=[0.5, 0.5, 20, 20], peer=[1, 1])
    )
    found = {row["forecaster"]: row for row in rows if row["family"] == "all"}
    assert found["peer"]["relative_mase"] == 0.5
    assert found["peer"]["relative_wis"] == 2
    assert found["vigil"]["relative_mase"] == pytest.approx(41 / 44, abs=1e-3)


def test_a_series_that_is_worse_by_one_case_in_four_is_not_surely_worse():
    """The lower limit is what chance hardly explains; the ratio itself is not."""
    rows = summarise(results_of(seasonal_naive=[1, 1, 1, 1], vigil=[0.5, 0.5, 0.5, 4]))
    own = next(row for row in rows if row["forecaster"] == "vigil")
    assert own["worst_series"] > 1.1
    assert own["worst_at_least"] < 1.1
    answers = {row["asked"]: row["holds"] for row in verdict(rows) if row["family"] == "all"}
    assert answers["no series worse than 1.1 × seasonal naive"] == "open"
    assert answers["80 % band holds 77% to 83%"] == "no"
    assert answers["relative MASE < 0.85"] == "open"


def test_the_bands_of_each_family_are_judged():
    """By horizon and by family is what is asked."""
    rows = summarise(results_of(seasonal_naive=[1, 1], vigil=[0.5, 0.5]))
    asked = [row["asked"] for row in verdict(rows) if row["family"] == "f"]
    assert asked == ["80 % band holds 77% to 83%", "95 % band holds 93% to 97%"]


def share(family: str, name: str, value: float, deviation: float) -> dict:
    """What is told of a family's bands: all right but `name`, in an interval of 90 %."""
    figures = {"family": family, "horizon": "1h", "forecaster": "vigil", "cases": 60}
    for key, exact in (("covered_80", 0.8), ("covered_95", 0.95)):
        told = value if key == name else exact
        ends = {f"{key}_low": told - 1.645 * deviation, f"{key}_high": told + 1.645 * deviation}
        figures |= {key: told, **ends}
    return figures


@pytest.mark.parametrize(
    ("deviation", "most", "answer"), [(0.05, 30, "yes"), (0.001, 0, "no")], ids=["few", "many"]
)
def test_families_may_miss_as_often_as_exact_bands_would(deviation, most, answer):
    """Eight families of twenty lie beside what is asked: of few cases that is chance, of many it
    is not.
    """
    rows = [share(f"f{n}", "covered_80", 0.86 if n < 8 else 0.8, deviation) for n in range(20)]
    [told] = [row for row in verdict(rows) if row["family"] == "each"]
    assert told["asked"] == "of 40 shares of families no more miss than of exact bands"
    assert (told["value"], told["holds"]) == (8, answer)
    assert 0 <= told["low"] <= told["high"] <= most


def width(results: pd.DataFrame) -> float:
    """Of the interval of Vigil's relative error over all."""
    own = next(row for row in summarise(results) if row["forecaster"] == "vigil")
    return own["relative_mase_high"] - own["relative_mase_low"]


def test_series_that_went_through_the_same_moments_are_no_more_evidence():
    """Twenty routes of one journey say no more of other moments than one of them."""
    one = results_of(seasonal_naive=[1, 1, 1, 1], vigil=[0.5, 0.5, 0.5, 4])
    twenty = pd.concat(one.assign(series=f"f/{number}") for number in range(20))
    assert width(one) > 0.5
    assert width(twenty) == pytest.approx(width(one), rel=0.2)


def test_the_simulated_estate_becomes_series(tmp_path, monkeypatch):
    """A file a route and metric, a row a step; steps without requests have no latency."""
    monkeypatch.setattr(forecast_simulated, "DAYS", 1)
    monkeypatch.setattr(forecast_simulated, "TRACES_PER_S", 0.05)
    forecast_simulated.write_simulated(tmp_path, seed=3)
    rates = sorted(tmp_path.glob("requests-*/*.csv"))
    assert len(rates) == len(list(tmp_path.glob("latency-*/*.csv"))) > 20
    for path in rates:
        latency = pd.read_csv(Path(str(path).replace("requests-", "latency-"))).value
        requests = pd.read_csv(path).value
        assert len(requests) == 144
        assert (latency.isna() == (requests == 0)).all()


def test_a_batch_is_better_than_the_day_before_and_keeps_its_memory():
    """Ten thousand series would need no more than these, as they go in chunks."""
    found = bench_batch(40)
    assert found["relative_error"] < 0.9
    assert found["memory_above_input_mib"] < 500

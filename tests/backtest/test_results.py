"""The choice among backtested candidates: errors, and what they cost."""

import pytest

from vigil.backtest.results import FoldResult, priced, standings, winners


def result(candidate: str, mase: float, fit_s: float = 0.001, **more) -> FoldResult:
    """A fold of a forecaster."""
    return FoldResult(candidate, "forecaster", "x", "g", 0, {"mase": mase}, fit_s, **more)


def test_each_role_is_ranked_by_its_own_number():
    """Less MASE is better, more average precision is."""
    detectors = [
        FoldResult(name, "detector", "x", "g", 0, {"average_precision": score}, 0.1)
        for name, score in (("c", 0.2), ("d", 0.9))
    ]
    rows = standings([result("a", 1.0), result("b", 0.5), *detectors])
    assert [row.candidate for row in rows] == ["d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("dear", "winner"),
    [(0.95, "cheap"), (0.93, "dear")],
    ids=["5 % less error for a thousand times the time", "7 % less"],
)
def test_a_dear_model_must_be_better_by_its_price(dear, winner):
    """A thousand times the time costs 6 % of error."""
    rows = [result("cheap", 1.0), result("dear", dear, fit_s=1.0)]
    assert winners(rows, "forecaster")["g"].candidate == winner


def test_memory_has_its_price_too():
    """A hundred times the memory costs 2 %."""
    assert priced(1.0, 0.0, 100.0) == pytest.approx(1.02)
    rows = [result("lean", 1.0, peak_mib=1.0), result("large", 0.99, peak_mib=100.0)]
    assert winners(rows, "forecaster")["g"].candidate == "lean"


def test_the_first_fold_that_loads_a_library_costs_nothing():
    """The least time of the folds counts."""
    folds = [result("a", 1.0, fit_s=9.0), result("a", 1.0, fit_s=0.01)]
    assert standings(folds)[0].fit_s == 0.01


def test_sparse_groups_are_judged_by_squared_errors():
    """A forecast of zeros has the least absolute error there and is worth nothing."""
    rows = [
        FoldResult(name, "forecaster", "x", "rate (sparse)", 0, scores, 0.001)
        for name, scores in (
            ("zero", {"mase": 0.5, "rmsse": 1.0}), ("mean", {"mase": 0.9, "rmsse": 0.7}),
        )
    ]  # fmt: skip
    assert winners(rows, "forecaster")["rate (sparse)"].candidate == "mean"

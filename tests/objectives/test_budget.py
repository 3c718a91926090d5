"""Error budgets and burn rates: cases computed by hand."""

import numpy as np
import pytest

from vigil.objectives.budget import (
    Counts,
    budget_status,
    burn_alerts,
    burn_rate,
    exhaustion_probability,
)

MONTH_S = 30 * 86_400
STEP_S = 300


def counts_of(bad: np.ndarray, per_step: float = 1000) -> Counts:
    total = np.full(len(bad), float(per_step))
    return Counts(total - bad, total, STEP_S)


def test_the_alerts_are_those_of_the_workbook():
    """Table 5-8: 14.4 over 1 h and 5 min, 6 over 6 h and 30 min, 1 over 3 days and 6 h."""
    found = [(a.severity, a.long_s, a.short_s, round(a.factor, 6)) for a in burn_alerts(MONTH_S)]
    assert found == [
        ("page", 3_600, 300, 14.4), ("page", 21_600, 1_800, 6.0), ("ticket", 259_200, 21_600, 1.0),
    ]  # fmt: skip


def test_the_budget_of_a_month_by_hand():
    """99.9 %, 8,640 steps of 1,000 requests: 8,640 may fail; 2,160 did, so three quarters are left.

    They failed in the last hour (12 steps of 180), at 18 % or 180 times the allowed ratio.
    """
    bad = np.zeros(8_640)
    bad[-12:] = 180
    found = budget_status(counts_of(bad), 0.999, MONTH_S)
    assert found.share_good == pytest.approx(1 - 2_160 / 8_640_000)
    assert found.budget_left == pytest.approx(0.75)
    assert found.burn_rates[3_600] == pytest.approx(180)
    assert found.burn_rates[21_600] == pytest.approx(30)
    assert found.exhausted_in_s == pytest.approx(0.75 * MONTH_S / 180)
    # Over three days 2,160 of 864,000 failed: 2.5 times too many.
    assert [alert.long_s for alert in found.firing] == [3_600, 21_600, 259_200]


def test_a_fire_that_is_out_pages_nobody():
    """The long window still burns, the short one no more."""
    bad = np.zeros(8_640)
    bad[-12:-1] = 180
    found = budget_status(counts_of(bad), 0.999, MONTH_S)
    assert found.burn_rates[3_600] > 14.4
    assert found.burn_rates[300] == 0
    assert 3_600 not in [alert.long_s for alert in found.firing]


@pytest.mark.parametrize(("bad", "fires"), [(14.3, False), (14.5, True)])
def test_the_threshold_of_the_fast_page(bad, fires):
    """14.4 of 1,000 at 99.9 % is exactly 2 % of the budget in an hour."""
    found = budget_status(counts_of(np.full(8_640, bad)), 0.999, MONTH_S)
    assert (3_600 in [alert.long_s for alert in found.firing]) is fires


def test_without_requests_nothing_is_spent():
    """No traffic is no failure of availability."""
    nothing = Counts(np.zeros(100), np.zeros(100), STEP_S)
    found = budget_status(nothing, 0.99, MONTH_S)
    assert np.isnan(found.share_good)
    assert (found.budget_left, found.firing, found.exhausted_in_s) == (1.0, (), np.inf)
    assert np.isnan(burn_rate(nothing, 0.99, 3_600))


def test_the_chance_of_running_out_follows_the_burn():
    """A steady rate far within the budget never ends it; one that grows steeply does."""
    rng = np.random.default_rng(1)
    calm = rng.poisson(0.2, 2_000).astype(float)
    assert exhaustion_probability(counts_of(calm), 0.999, MONTH_S, 288)[-1] < 0.02
    burning = calm.copy()
    burning[-36:] += 3 * np.arange(36)
    found = exhaustion_probability(counts_of(burning), 0.999, MONTH_S, 288)
    assert found[-1] > 0.7
    assert (np.diff(found) >= 0).all()

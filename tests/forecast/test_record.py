"""The record of warnings: counted by hand."""

import numpy as np
import pytest

from vigil.forecast.breach import Threshold
from vigil.forecast.record import BreachRecord, recalibrated, reliability, replay, standing

INF = np.inf


def record_of(series, step, probability, lead, horizon=10) -> BreachRecord:
    return BreachRecord(*map(np.array, (series, step, probability)), np.array(lead, float), horizon)


def test_a_run_of_forecasts_above_the_trigger_is_one_warning():
    """Series 0: one warning that came true 8 steps ahead. Series 1: one that did not."""
    record = record_of(
        [0, 0, 0, 0, 1, 1, 1],
        [0, 4, 6, 8, 0, 2, 4],
        [0.1, 0.9, 0.9, 0.95, 0.8, 0.9, 0.1],
        [12, 8, 6, 4, INF, INF, INF],
    )
    found = standing(record, 0.7)
    assert (found.warnings, found.breaches, found.hit_rate) == (2, 1, 0.5)
    assert (found.recall, found.lead_steps) == (1.0, 8.0)
    wrong = np.array([0.1, -0.1, -0.1, -0.05, 0.8, 0.9, 0.1])
    assert found.brier == pytest.approx(np.mean(wrong**2))
    assert found.climatology == pytest.approx(3 / 7 * 4 / 7)


def test_a_warning_too_late_does_not_count_as_recall():
    """Half an hour of lead was asked for."""
    record = record_of([0, 0], [0, 8], [0.1, 0.9], [10.5, 2])
    assert standing(record, 0.7, least_lead_steps=6).recall == 0.0
    assert standing(record, 0.7).recall == 1.0


@pytest.mark.parametrize(
    ("hits", "misses", "deserves"), [(12, 0, True), (5, 0, False), (7, 5, False)]
)
def test_warnings_are_deserved_by_enough_of_them_that_came_true(hits, misses, deserves):
    """Ten at least, and surely more than half right."""
    n = hits + misses
    leads = [5.0] * hits + [INF] * misses
    record = record_of(
        [*range(n), *range(n)], [0] * n + [1] * n, [0.9] * n + [0.05] * n, leads + [INF] * n
    )
    assert standing(record, 0.7).deserves_warnings is deserves


def test_probabilities_are_mapped_to_what_came_true():
    """0.9 that came true four times of ten becomes 0.4; a short record changes nothing."""
    said = np.repeat([0.1, 0.9], 100)
    broke = np.concatenate([np.zeros(100, bool), np.arange(100) % 10 < 4])
    record = record_of(np.arange(200), np.zeros(200, int), said, np.where(broke, 5.0, INF))
    assert recalibrated(np.array([0.9]), record)[0] == pytest.approx(0.4, abs=0.01)
    [low, high] = reliability(record)
    assert (low["came_true"], high["came_true"], high["forecasts"]) == (0.0, 0.4, 100)
    short = record_of([0], [0], [0.9], [INF])
    assert recalibrated(np.array([0.9]), short)[0] == 0.9


def test_a_replay_looks_back_only_and_leaves_out_what_cannot_be_known():
    """No forecast while broken already, none whose horizon passes the end without a breach."""
    value = 100 + np.random.default_rng(1).normal(size=400)
    value[300:320] += 50
    record = replay(value, None, Threshold(130.0), 40, range(250, 400, 10), paths=50)
    assert set(record.step) == {250, 260, 270, 280, 290, 300, 330, 340, 350, 360}
    spoilt = np.where(np.arange(400) < 281, value, value + 7)
    again = replay(spoilt, None, Threshold(130.0), 40, range(250, 290, 10), paths=50)
    np.testing.assert_array_equal(again.probability, record.probability[:4])
    assert record.lead_steps[record.step == 290] == 12

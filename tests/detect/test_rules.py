"""Gates by group of series: what they hold back, and what they refuse to be."""

import numpy as np
import pytest

from vigil.detect import DetectorSettings, MetricKind, Observations, OnlineDetector
from vigil.detect.gates import GATES, shut_gates
from vigil.detect.rules import DEFAULT_RULES, rules_with
from vigil.errors import ConfigError

DAY = 86_400.0
USUAL = {"direction": "both", "least_absolute": 0, "least_relative": 0, "least_traffic": 0}


def decide(rules: dict, kind: MetricKind = MetricKind.LATENCY, factor: float = 3.0):
    """A day of latencies of ten requests a minute that end in five slow ones."""
    value = 80 * np.exp(np.random.default_rng(0).normal(0, 0.1, 1_440))
    value[-5:] *= factor
    n = len(value)
    group = {MetricKind.LATENCY: "latency", MetricKind.GENERIC: "other"}[kind]
    detector = OnlineDetector(DetectorSettings(rules=rules_with({group: rules})))
    return detector.update(
        Observations(
            np.ones(n, np.int64), 4 * DAY + np.arange(n) * 60.0, value,
            np.full(n, 10.0), np.full(n, kind, np.int8),
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"direction": "down"}, "direction"),
        ({"least_absolute": 500}, "absolute change"),
        ({"least_relative": 5}, "relative change"),
        ({"least_traffic": 11}, "traffic"),
        ({"k": 6, "n": 8}, "persistence"),
    ],
)
def test_each_gate_holds_a_flag_back_and_says_so(rule, name):
    """The same slow minutes: flagged with open gates, held back by the shut one alone."""
    assert decide(USUAL).flagged[-5:].all()
    found = decide(USUAL | rule)
    assert not found.flagged.any()
    if name != "direction":
        # What moves the good way is not even evidence.
        assert [gate.name for gate in shut_gates(found.gate[-1])] == [name]


def test_three_of_five_windows_flag_from_the_third_on():
    """Persistence counts windows with unusual evidence."""
    assert decide(USUAL | {"k": 3, "n": 5}).flagged[-5:].tolist() == [
        False,
        False,
        True,
        True,
        True,
    ]


def test_metrics_of_unknown_kind_have_gates_too():
    """Only a fall is bad."""
    assert decide({"direction": "down"}, MetricKind.GENERIC, 0.2).flagged[-5:].any()
    assert not decide({"direction": "down"}, MetricKind.GENERIC, 3.0).flagged.any()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"speed": {}}, "no group of series 'speed'; there are other, traffic"),
        ({"latency": {"height": 1}}, "latency has no gate 'height'"),
        ({"latency": {"direction": "left"}}, "direction must be one of .*'left'"),
        ({"latency": {"least_traffic": -1}}, "least_traffic must be >= 0, got -1"),
        ({"latency": {"k": 3, "n": 2}}, "got 3 of 2"),
        ({"latency": {"k": "many"}}, "must be numbers"),
    ],
)
def test_wrong_gates_are_refused_with_the_reason(overrides, said):
    """Group, field, rule and value."""
    with pytest.raises(ConfigError, match=said):
        rules_with(overrides)


def test_nothing_changed_is_the_default():
    """And every gate has words."""
    assert rules_with({}) == dict(DEFAULT_RULES)
    assert [gate.bit for gate in GATES] == [2**number for number in range(len(GATES))]

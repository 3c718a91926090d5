"""Learning again is a decision: something has drifted, and it was not tried a moment ago."""

from datetime import UTC, datetime, timedelta

import pytest

from sensors.retraining import decide

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FINE, DRIFTED = (NOW - HOUR, True, "0 of 8 series drifted (0%)"), (NOW - HOUR, False, "5 of 8")


@pytest.mark.parametrize(
    ("checks", "trained_at", "again", "why"),
    [
        ({}, None, False, "no drift check has run since the last training"),
        ({"data_drift": FINE}, None, False, "data_drift: 0 of 8 series drifted (0%)"),
        ({"data_drift": FINE, "residual_drift": DRIFTED}, None, True, "residual_drift: 5 of 8"),
        ({"data_drift": DRIFTED}, NOW - 20 * HOUR, True, "data_drift: 5 of 8"),
        ({"data_drift": DRIFTED}, NOW - 2 * HOUR, False, "trained lately, next in 10.0 h"),
        ({"data_drift": DRIFTED}, NOW, False, "no drift check has run since"),
    ],
    ids=["no check yet", "fine", "one of them", "long ago", "tried lately", "seen before training"],
)
def test_training_follows_drift_and_not_the_clock(checks, trained_at, again, why):
    """The reason names the check and its numbers."""
    decided, said = decide(checks, trained_at, NOW)
    assert decided is again
    assert why in said

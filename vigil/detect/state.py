"""The state of one series: columns of a float64 row that the compiled passes share."""

from typing import NamedTuple

from vigil.detect import calibration

(
    COUNT, LAST_S, STEP_S, LEVEL, SPREAD, ABSOLUTE, SEASONAL_SPREAD, SEASONAL_COUNT, EVIDENCE,
    WEIGHT, PER_WEIGHT, FLAGGED, CHANGE, CHANGES, QUIET, SEEN_S, GAP_S, TOLERATED, CONFIRMED,
    ZEROS, ALARM_GAP_S, RECENT, FREE_DAY, FREE_COUNT, FREE_ERROR, WORK_ERROR,
    ALERT_STEPS, STARTED_S, CALM,
) = range(29)  # fmt: skip
# Quantiles of evidence twice: between alerts, and whenever.
QUANTILES = CALM + calibration.STATE_COLUMNS
STATE_COLUMNS = QUANTILES + calibration.STATE_COLUMNS


class Constants(NamedTuple):
    """What stays the same for all observations; see `DetectorSettings`."""

    warm_up_steps: float
    relative_noise: float
    alert_rate: float
    least_evidence: float
    least_single: float
    hold_steps: float
    memory_rate: float
    profile_rate: float
    level_share: float
    least_request_evidence: float
    request_alert_rate: float
    alert_doubt: float
    request_alert_doubt: float

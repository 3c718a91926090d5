"""Awkward series, by name: what has to be flagged is, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from vigil.bench.awkward import AWKWARD, decide
from vigil.detect.calendar import DEFAULT_CALENDAR


@pytest.mark.parametrize("name", AWKWARD)
def test_what_has_to_be_flagged_is_flagged(name):
    """In each stretch there is an alarm."""
    series = AWKWARD[name]()
    flagged = decide(series).flagged
    for first, after in series.alarms:
        assert flagged[first:after].any(), (name, first)


@pytest.mark.parametrize("name", AWKWARD)
def test_nothing_else_is_flagged(name):
    """Before, between and after the stretches it is quiet."""
    series = AWKWARD[name]()
    flagged = decide(series).flagged.copy()
    flagged[: series.quiet_from] = False
    for first, after in series.alarms:
        flagged[first : after + series.tail] = False
    assert not flagged.any(), (name, np.flatnonzero(flagged)[:5])


def test_absent_is_not_zero():
    """Absent values are flagged with nothing measured, zeros with a value."""
    series = AWKWARD["vanished"]()
    found = decide(series)
    assert np.isnan(series.value[found.flagged]).all()
    series = AWKWARD["drop_to_zero"]()
    assert (series.value[decide(series).flagged] == 0).any()


def test_hours_of_an_incident_do_not_become_usual():
    """Its end is flagged like its begin, and so is the next one."""
    flagged = decide(AWKWARD["long_incident"]()).flagged
    assert flagged[2_000:2_120].mean() > 0.95
    assert flagged[3_001:3_010].all()


def test_a_new_level_is_usual_in_the_end():
    """The last third of a lasting shift is quiet."""
    series = AWKWARD["lasting_shift"]()
    assert not decide(series).flagged[-1_000:].any()


def test_an_outage_on_a_free_day_is_no_quiet_day():
    """Free days are quiet, not empty: within two windows it is told of."""
    for name in ("weekend", "public_holiday"):
        series = AWKWARD[name]()
        [(first, _)] = series.alarms
        assert series.calendar.free(series.calendar.local(series.time_s[first : first + 1]))[0]
        assert decide(series).flagged[first : first + 2].any(), name


@pytest.mark.parametrize("name", ["public_holiday", "daylight_saving", "time_zone"])
def test_without_the_calendar_it_would_be_told_of(name):
    """What the settings say matters: by UTC and its weekend alone these are false alarms."""
    series = AWKWARD[name]()
    flagged = decide(replace(series, calendar=DEFAULT_CALENDAR)).flagged
    assert flagged[7 * 288 : series.alarms[0][0]].any()

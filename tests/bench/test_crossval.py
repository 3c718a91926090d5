"""Thresholds are chosen without a look at the family that they are judged on."""

import numpy as np
import polars as pl
import pytest

from vigil.bench.crossval import GRID, choose, cross_validate, f1_spread, settings_grid
from vigil.bench.measures import AlertCounts
from vigil.detect import DetectorSettings
from vigil.errors import InputError


def counts(found: int, clean_alerts: int) -> AlertCounts:
    """Ten segments and ten alerts, so many found; a thousand clean points."""
    return AlertCounts(10, found, 10, found, 1_000, clean_alerts)


def test_the_best_f1_wins_among_the_quiet_settings():
    """A better F1 that is bought with false alarms on clean series does not count."""
    assert choose([counts(5, 0), counts(9, 3), counts(7, 0)]) == 2


def test_where_none_is_quiet_the_quietest_is_taken():
    """A choice is always made."""
    assert choose([counts(9, 5), counts(5, 2)]) == 1


def test_the_defaults_compete():
    """So that the table can show them beside what was chosen."""
    assert DetectorSettings() in settings_grid()
    assert len(settings_grid()) == np.prod([len(values) for values in GRID.values()])


def test_each_family_is_held_out_once(tmp_path):
    """A folder of three families gives three rows and the sum of them."""
    rng = np.random.default_rng(0)
    for family in ("a", "b", "c"):
        value = 50 + rng.normal(0, 1, 400)
        labels = np.zeros(400, int)
        value[300:310], labels[300:310] = 90.0, 1
        folder = tmp_path / family
        folder.mkdir()
        times = [f"2026-03-02T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(400)]
        frame = pl.DataFrame({"timestamp": times, "value": value, "label": labels})
        frame.write_csv(folder / "series.csv")
    rows, pooled = cross_validate(tmp_path)
    assert [row.family for row in rows] == ["a", "b", "c"]
    assert (pooled.counts.segments, pooled.counts.segments_found) == (3, 3)
    assert rows[0].summary()["f1"] == 1.0


def test_the_spread_tells_what_other_series_might_have_given():
    """None where all series agree, wide where a few decide, the figure itself inside."""
    assert f1_spread([counts(7, 0)] * 5) == [0.7, 0.7]
    low, high = f1_spread([counts(10, 0), counts(10, 0), counts(0, 0), counts(2, 0)])
    assert low < 0.55 < high


def test_a_folder_without_series_is_an_error(tmp_path):
    """Said with the folder."""
    with pytest.raises(InputError, match="no csv files"):
        cross_validate(tmp_path)

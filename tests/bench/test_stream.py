"""The throughput benchmark: what it times is what it says it times."""

import pytest

from vigil.bench.stream import PATHS, measure_checkpoint, measure_path, measure_scoring
from vigil.bench.stream.load import messages, traffic
from vigil.bench.stream.throughput import _timed
from vigil.errors import VigilError
from vigil.events.content import CONTENT_TYPE, JSON


def test_both_forms_carry_the_same_events_in_order():
    """As many as asked for, seeded."""
    table = traffic(2_500, seed=3)
    assert table.num_rows == 2_500
    assert table.equals(traffic(2_500, seed=3))
    single, batches = list(messages(table, "json")), list(messages(table, "arrow"))
    assert len(single) == 2_500
    assert len(batches) == 3
    assert single[0].headers == {CONTENT_TYPE: JSON}


def test_limit_and_scorer_read_all_events_of_each_form(store_settings):
    """A form that one of them could not decode would be an error, not a fast time."""
    table = traffic(3_000, seed=3)
    ticks = []
    for number, path in enumerate((PATHS[0], PATHS[2])):
        settings = store_settings.model_copy(
            update={"log_url": f"sqlite:///{store_settings.home / str(number)}.sqlite"}
        )
        timing = measure_path(path, settings, table, 1, lambda: ticks.append(1))
        assert timing["events"] == 3_000
        assert timing["ratio"] > 0
    assert len(ticks) == 4


def test_a_reading_that_misses_events_is_refused():
    """Its timing would mean nothing."""
    with pytest.raises(VigilError, match="9 of 10 events"):
        _timed(lambda: 9, 10)


def test_scoring_is_measured_for_as_many_series_as_asked():
    """A window of each."""
    assert measure_scoring(30, 2, lambda: None)["series"] == 30


def test_a_checkpoint_writes_less_within_a_window_than_at_its_end(store_settings):
    """And what was written restores every series."""
    found = measure_checkpoint(store_settings, 3_000)
    assert found["series"] == 3_000
    assert 0 < found["written_mb_within_a_window"] < found["written_mb_at_its_end"]

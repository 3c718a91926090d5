"""The estate map: the health of each service in each environment."""

import polars as pl
import pytest

from vigil.board.estate import estate_map
from vigil.board.reader import thinned
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.timescale import SERIES

RECENT = {"series_id": pl.Int64, "flagged": pl.Boolean, "warming_up": pl.Float64}


def series(*places: tuple[int, str | None, str | None]) -> pl.DataFrame:
    """A directory of (series id, environment, service)."""
    rows = [
        {"series_id": number, "key_id": number, "metric": "m", **dict.fromkeys(KEY_COLUMNS)}
        | {"environment": environment, "service": service}
        for number, environment, service in places
    ]
    return pl.DataFrame(rows, schema=SERIES)


def recent(*rows: tuple[int, bool, float]) -> pl.DataFrame:
    """What the last windows said of (series id, flagged, share of the warm-up done)."""
    return pl.DataFrame(rows, schema=RECENT, orient="row")


def health(estate: list[dict]) -> dict:
    """(environment, service) → health."""
    return {
        (environment["environment"], service["service"]): service["health"]
        for environment in estate
        for service in environment["services"]
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, False, 1.0)], "fine"),
        ([(1, False, 0.5)], "learning"),
        ([(1, True, 1.0)], "unusual"),
        ([(1, True, 0.5)], "unusual"),
        ([], "silent"),
    ],
)
def test_a_service_is_as_well_as_its_last_windows(rows, expected):
    """Flagged before learning before fine; without a window it is silent."""
    assert health(estate_map(series((1, "a", "s")), recent(*rows), [])) == {("a", "s"): expected}


def test_an_open_incident_marks_the_service_where_it_was_seen():
    """The same service elsewhere is not touched."""
    names = series((1, "a", "s"), (2, "b", "s"))
    quiet = recent((1, False, 1.0), (2, False, 1.0))
    incident = {"services": ["s"], "series": [{"environment": "a", "service": "s"}]}
    assert health(estate_map(names, quiet, [incident])) == {
        ("a", "s"): "incident",
        ("b", "s"): "fine",
    }


def test_a_service_named_without_evidence_is_marked_wherever_it_runs():
    """An incident lists its most unusual series only."""
    names = series((1, "a", "s"), (2, "b", "s"), (3, "a", "t"))
    quiet = recent(*((number, False, 1.0) for number in (1, 2, 3)))
    incident = {"services": ["s", "t"], "series": [{"environment": "a", "service": "t"}]}
    assert set(health(estate_map(names, quiet, [incident])).values()) == {"incident"}


def test_what_needs_attention_comes_first_and_is_counted():
    """Environments by their worst service, services by their health, then by name."""
    names = series((1, "a", "z"), (2, "a", "b"), (3, "b", "y"), (4, "b", "x"), (5, None, None))
    states = recent((1, False, 1.0), (2, False, 1.0), (3, False, 1.0), (4, True, 1.0))
    estate = estate_map(names, states, [])
    assert [item["environment"] for item in estate] == ["b", "a", None]
    assert [item["service"] for item in estate[0]["services"]] == ["x", "y"]
    assert estate[0]["counts"] == {"unusual": 1, "fine": 1}
    assert [item["service"] for item in estate[1]["services"]] == ["b", "z"]


def test_an_empty_estate_is_an_empty_list():
    """Nothing has been scored yet."""
    assert estate_map(series(), recent(), []) == []


def test_a_long_range_keeps_the_most_unusual_window_of_each_group():
    """No flag is lost by drawing fewer points."""
    scores = pl.DataFrame(
        {"at": range(10), "p": [0.5, 0.1, 0.9, 0.8, 0.7, 0.01, 0.3, 0.2, 0.4, 0.6]}
    )
    kept, windows_per_point = thinned(scores, 4)
    assert windows_per_point == 3
    assert kept["at"].to_list() == [1, 5, 7, 9]
    assert thinned(scores, 10)[1] == 1

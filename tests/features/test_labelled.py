"""What operators said decides what is learnt from: no incident, and nothing before a change."""

from datetime import UTC, datetime, timedelta

import polars as pl

from vigil.detect.feedback import Verdict
from vigil.features.labelled import CHANGES, INCIDENTS, Labelled, learnable
from vigil.stores.database import copy_frame
from vigil.stores.labels import LabelStore

START = datetime(2026, 3, 2, tzinfo=UTC)


def at(minute: int) -> datetime:
    """An instant of the first day."""
    return START + timedelta(minutes=minute)


def observations(minutes: int = 10) -> pl.DataFrame:
    """Two series of a value a minute: its minute."""
    return pl.DataFrame(
        [(series_id, at(m), float(m), 1.0) for series_id in (1, 2) for m in range(minutes)],
        schema=["series_id", "window_start", "value", "weight"],
        orient="row",
    )


def values(frame: pl.DataFrame, series_id: int) -> list[float | None]:
    """Of one series, in order."""
    return frame.filter(pl.col("series_id") == series_id)["value"].to_list()


def test_windows_of_an_incident_lose_their_values_and_no_others():
    """Both ends belong to it; overlapping incidents are no different."""
    spans = pl.DataFrame([(1, at(2), at(4)), (1, at(4), at(5))], schema=INCIDENTS, orient="row")
    found = learnable(observations(), Labelled(incidents=spans))
    assert values(found, 1) == [0, 1, None, None, None, None, 6, 7, 8, 9]
    assert values(found, 2) == list(range(10))
    assert found.drop("value").equals(observations().drop("value"))


def test_what_was_before_a_change_is_left_out():
    """The changed window itself is the first of the new series."""
    changes = pl.DataFrame([(2, at(7))], schema=CHANGES, orient="row")
    found = learnable(observations(), Labelled(changes=changes))
    assert values(found, 2) == [7, 8, 9]
    assert values(found, 1) == list(range(10))


def test_without_labels_everything_is_learnt_from():
    """The same frame comes back."""
    assert learnable(observations(), Labelled()).equals(observations())


def test_a_true_label_stands_for_its_whole_incident_on_all_of_its_series(engine):
    """By the windows that joined it; a window of no incident stands for itself, what was
    called a false alarm in the end for nothing."""
    joined = [(1, at(2), "i-1"), (1, at(4), "i-1"), (2, at(3), "i-1"), (2, at(8), "i-2")]
    rows = pl.DataFrame(
        [(*row, "same service") for row in joined],
        schema=["series_id", "window_start", "incident_id", "reason"],
        orient="row",
    )
    with engine.begin() as connection:
        copy_frame(connection, rows, "attributions")
    store = LabelStore(engine)
    store.add(1, at(4), Verdict.TRUE, 9.0, "", "ann")
    store.add(1, at(9), Verdict.TRUE, 9.0, "", "ann")
    for verdict in (Verdict.TRUE, Verdict.FALSE):
        store.add(2, at(8), verdict, 9.0, "", "ann")
    for minute in (5, 6):
        store.add(2, at(minute), Verdict.EXPECTED, 9.0, "", "ann")
    labelled = store.labelled()
    assert sorted(labelled.incidents.rows()) == [
        (1, at(2), at(4)), (1, at(9), at(9)), (2, at(3), at(4)),
    ]  # fmt: skip
    assert labelled.changes.rows() == [(2, at(6))]
    assert store.counts(START, at(9)) == {"expected": 2, "false": 1, "true": 2}

"""Labels reach the scorer once, in order, and survive its restart."""

from datetime import UTC, datetime

import polars as pl

from vigil.detect import OnlineDetector
from vigil.detect.feedback import Verdict
from vigil.stores.labels import LabelStore
from vigil.stream.scoring import Scoring
from vigil.windows.tumbling import WindowSpec

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_labels_come_back_in_order_and_only_the_new_ones(engine):
    """The scorer asks for what is newer than the last it knows."""
    store = LabelStore(engine)
    first = store.add(7, AT, Verdict.FALSE, 8.5, "deploy window", "ann")
    second = store.add(-3, AT, Verdict.TRUE, 12.0, "", "bob")
    assert store.after(0) == [first, second]
    assert store.after(first.label_id) == [second]


def test_a_series_shows_who_said_what_of_it(engine):
    """The newest verdict first."""
    store = LabelStore(engine)
    store.add(7, AT, Verdict.FALSE, 8.5, "deploy window", "ann")
    store.add(7, AT, Verdict.TRUE, 8.5, "", "bob")
    store.add(8, AT, Verdict.TRUE, 8.5, "", "eve")
    told = [(row["author"], row["verdict"], row["note"]) for row in store.of_series(7)]
    assert told == [("bob", "true", ""), ("ann", "false", "deploy window")]


def test_a_scorer_takes_each_label_once_and_remembers_it(engine):
    """The last one taken is part of the checkpoint."""
    store = LabelStore(engine)
    store.add(7, AT, Verdict.FALSE, 8.5, "", "ann")
    scoring = Scoring(WindowSpec(), OnlineDetector())
    scoring.learn(store.after(scoring.labelled_to))
    resumed = Scoring(WindowSpec(), OnlineDetector())
    resumed.restore(scoring.state(), scoring.detector.state())
    assert store.after(resumed.labelled_to) == []
    assert scoring.state()["labelled"].equals(pl.DataFrame({"label_id": [scoring.labelled_to]}))

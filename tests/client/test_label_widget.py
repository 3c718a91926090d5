"""The label widget: alerts as rows, a click is a kept label, a refusal is said."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

import vigil
from vigil.client import Client
from vigil.client.labelling import AROUND, LabelWidget, alerts_of
from vigil.detect.feedback import Verdict
from vigil.errors import UsageError, VigilError
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.database import open_database
from vigil.stores.labels import LabelStore

START = datetime(2026, 3, 2, tzinfo=UTC)


def scores(flags: str, series_id: int = 7) -> pl.DataFrame:
    """One series; each mark is a minute, `x` is flagged."""
    n = len(flags)
    place = dict.fromkeys(KEY_COLUMNS) | {"service": "orders"}
    frame = pl.DataFrame(
        {
            "series_id": series_id, "metric": "request_rate",
            "window_start": [START + timedelta(minutes=minute) for minute in range(n)],
            "actual": [float(minute) for minute in range(n)],
            "expected": 1.0, "lower": 0.0, "upper": 2.0,
            "flagged": [mark == "x" for mark in flags],
        }
    )  # fmt: skip
    names = [pl.lit(value, pl.String).alias(name) for name, value in place.items()]
    return frame.with_columns(names)


def test_a_spell_of_flags_is_one_alert():
    """Its first window, how long it lasted, and what was around it; the newest is on top."""
    found = alerts_of(scores("..xx...x"))
    assert [(alert["window_start"].minute, alert["lasted"]) for alert in found] == [(7, 1), (2, 2)]
    assert [alert["place"] for alert in found] == [7, 2]
    assert found[0]["actual"] == [float(minute) for minute in range(8)]


def test_what_is_around_an_alert_is_bounded():
    """So that a page of alerts stays small, whatever the range."""
    [alert] = alerts_of(scores("." * 100 + "x" + "." * 100))
    assert len(alert["actual"]) == 2 * AROUND + 1
    assert alert["place"] == AROUND


class Kept(list):
    """A stand-in for the database."""

    def __call__(self, series_id: int, at: datetime, verdict: Verdict) -> str:
        if verdict is Verdict.EXPECTED:
            raise VigilError("the ledger is gone")
        self.append((series_id, at, verdict))
        return "kept"


@pytest.fixture
def widget() -> tuple[LabelWidget, Kept]:
    """Two alerts of one series."""
    kept = Kept()
    return LabelWidget(scores("..x..x"), kept), kept


def click(widget: LabelWidget, row: int, verdict: str) -> None:
    """As the page does it."""
    widget._handle_custom_msg({"row": row, "verdict": verdict}, [])


def test_a_click_is_kept_and_shown(widget):
    """The row's own window; the verdict comes back to the page."""
    shown, kept = widget
    click(shown, 1, "false")
    assert kept == [(7, START + timedelta(minutes=2), Verdict.FALSE)]
    assert shown.verdicts == {"1": "false"}
    assert shown.said == "kept"


def test_a_refusal_is_said_and_changes_nothing(widget):
    """The button stays as it was."""
    shown, kept = widget
    click(shown, 0, "expected")
    assert (kept, shown.verdicts, shown.said) == ([], {}, "the ledger is gone")


@pytest.fixture
def v(small_estate) -> Iterator[Client]:
    """A client of three hours of traffic, whose labels the test takes away again."""
    with vigil.connect(small_estate.home, store_url=small_estate.store_url) as client:
        yield client
        with client._engine.begin() as connection:
            connection.exec_driver_sql("TRUNCATE labels")


def test_a_label_from_python_reaches_the_scorers(v):
    """By the series' id and any instant of its window, with who gave it."""
    window = v.scores(last="3h", flagged=True).head(1).row(0, named=True)
    kept = v.label(window["series_id"], window["window_start"] + timedelta(seconds=5), "true")
    assert (kept.window_start, kept.verdict) == (window["window_start"], Verdict.TRUE)
    engine = open_database(v.settings)
    [label] = LabelStore(engine).after(0)
    engine.dispose()
    assert (label.series_id, label.verdict) == (window["series_id"], Verdict.TRUE)


def test_the_widget_of_a_client_labels_what_it_shows(v):
    """From a click to the database."""
    shown = v.labeller(last="3h", service="search")
    assert shown.rows
    click(shown, 0, "true")
    assert shown.verdicts == {"0": "true"}
    assert shown.said.startswith("kept: ")


def test_a_wrong_verdict_is_refused_with_the_right_ones(v):
    """Before anything is asked."""
    with pytest.raises(UsageError, match="verdict must be one of true, false, expected, got 'no'"):
        v.label(1, "2026-03-02T12:00:00", "no")

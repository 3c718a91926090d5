"""The ledger's answers: why, and why not, in words and as facts."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from vigil.alerts.channels.terminal import Terminal
from vigil.alerts.delivery import Outbox
from vigil.alerts.message import odds
from vigil.alerts.policy import default_policy
from vigil.alerts.why import Ledger, find_series, gate_outcomes
from vigil.detect import OnlineDetector
from vigil.detect.gates import GATES
from vigil.errors import UsageError
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import SimulationPlan, chunk_count, plan_faults, simulate_chunk
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.checkpoint import Checkpoint, CheckpointStore
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.log import StoredMessage
from vigil.stores.timescale import SERIES, WindowStore
from vigil.stream.pipeline import Pipeline
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 16


def test_every_bit_that_the_detector_may_set_has_words():
    """A gate without words would leave a silence unexplained."""
    from vigil.detect import kernel

    bits = {value for name, value in vars(kernel).items() if name.startswith("GATE_")}
    assert {gate.bit for gate in GATES} == bits
    assert len({gate.name for gate in GATES}) == len(GATES)


def test_gates_are_passed_shut_or_not_reached():
    """Only unusual evidence comes to the gates."""
    flagged = gate_outcomes({"flagged": True, "gate": 0})
    assert set(flagged.values()) == {"passed"}
    held = gate_outcomes({"flagged": False, "gate": GATES[0].bit | GATES[2].bit})
    assert [held[gate.name] for gate in GATES[:3]] == ["shut", "passed", "shut"]
    assert set(gate_outcomes({"flagged": False, "gate": 0}).values()) == {"not reached"}


DIRECTORY = pl.DataFrame(
    [
        [11, 1, "latency_ms_p95", None, "aws", None, None, "orders", "/orders", "POST"],
        [12, 1, "error_ratio", None, "aws", None, None, "orders", "/orders", "POST"],
        [13, 2, "error_ratio", None, "aws", None, None, "orders", "/orders/{id}", "GET"],
    ],
    schema=SERIES,
    orient="row",
)


@pytest.mark.parametrize(
    ("name", "series_id"),
    [("13", 13), ("orders latency_ms_p95", 11), ("latency", 11), ("error_ratio /orders", 12)],
)
def test_a_series_is_meant_by_its_id_or_by_words_that_fit_no_other(name, series_id):
    """Whole words win over parts of them."""
    assert find_series(DIRECTORY, name)["series_id"] == series_id


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("99", "no series has the id 99"),
        ("order error_ratio", "'order error_ratio' means 2 series, add a word or give the id"),
        ("odrers", "no series matches 'odrers'; the nearest names are orders"),
    ],
)
def test_what_means_none_or_several_is_refused_with_help(name, said):
    """The message lists what may have been meant."""
    with pytest.raises(UsageError, match=said):
        find_series(DIRECTORY, name)


@pytest.fixture
def scored(engine):
    """A day of the simulated estate with two faults, as the scorer leaves it."""
    end = START + timedelta(hours=HOURS)
    faults = plan_faults(3, START + timedelta(hours=HOURS - 5), end, 2)
    plan = SimulationPlan(START, HOURS * 3600, 1.0, 3, faults)
    pipeline = Pipeline(WindowSpec(window_s=60), Limits(300, START), OnlineDetector())
    checkpoints = CheckpointStore(engine, "test")
    for index in range(chunk_count(plan)):
        messages = [
            StoredMessage(TOPIC_EVENTS, 0, number, end, message)
            for number, message in enumerate(arrow_messages(simulate_chunk(plan, index)))
        ]
        step = pipeline.step({(TOPIC_EVENTS, 0): messages}, end)
        checkpoints.commit(Checkpoint(index + 1, {}, {}), step.outputs)
    outbox = Outbox(engine, default_policy(), {"terminal": Terminal(lambda text: None)})
    while outbox.deliver():
        pass
    return engine


def test_the_ledger_says_why_and_why_not_for_any_window(scored):
    """Flagged, quiet, packed long ago, or never seen."""
    LedgerKeeper(scored, LedgerSpec(hot_h=6)).tidy()
    ledger, windows = Ledger(scored, 60, (1e-3, 5e-3)), WindowStore(scored)
    flags = windows.scores(START, START + timedelta(days=2), only_flagged=True)
    worst = flags.sort("p").row(0, named=True)
    why = ledger.explain(str(worst["series_id"]), worst["window_start"] + timedelta(seconds=59))
    assert why.flagged
    assert why.incident is not None
    text = " ".join(why.words)
    assert f"It was flagged: {odds(worst['p'])}" in text
    assert f"It joined incident {why.incident['incident_id']}" in text
    assert why.joined_because in text
    assert "The opened message to terminal was taken at" in text
    assert why.paged
    quiet = ledger.explain(str(worst["series_id"]), START + timedelta(hours=2))
    assert not quiet.flagged
    assert quiet.incident is None
    assert "It was not flagged" in " ".join(quiet.words)
    unknown = ledger.explain(str(worst["series_id"]), START - timedelta(hours=2))
    assert unknown.window_start is None
    assert "The ledger knows it from 2026-03-02 00:0" in " ".join(unknown.words)
    json.dumps(why.document(), default=str)


def test_every_flagged_window_is_attributed_to_an_incident(scored):
    """Nothing that was flagged vanishes between detector and incident."""
    ledger = Ledger(scored, 60, (1e-3, 5e-3))
    flags = WindowStore(scored).scores(START, START + timedelta(days=2), only_flagged=True)
    assert flags.height > 10
    for row in flags.head(20).iter_rows(named=True):
        assert ledger.explain(str(row["series_id"]), row["window_start"]).incident is not None

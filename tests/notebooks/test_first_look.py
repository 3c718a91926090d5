"""The notebook runs: on an empty home, and on one that a scorer has filled."""

import nbformat
import pytest
from nbclient import NotebookClient

from vigil.config import ROOT
from vigil.simulate import SimulationPlan, chunk_count, simulate_chunk


def run(monkeypatch, settings) -> str:
    """Execute every cell; returns what was printed."""
    monkeypatch.setenv("VIGIL_HOME", str(settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", settings.store_url)
    notebook = nbformat.read(ROOT / "notebooks" / "first_look.ipynb", as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_an_empty_home_is_explained(store_settings, monkeypatch):
    """No traceback, but what to do."""
    said = run(monkeypatch, store_settings)
    assert "nothing in" in said
    assert "champion: none" in said


@pytest.mark.filterwarnings("ignore")
def test_a_filled_home_is_shown(store_settings, monkeypatch):
    """Windows, features, scores."""
    import threading
    from contextlib import closing
    from datetime import UTC, datetime

    from vigil.events.schema import TOPIC_EVENTS
    from vigil.stores import open_log
    from vigil.stores.arrow_messages import arrow_messages
    from vigil.stream.assembly import open_scorer

    plan = SimulationPlan(datetime(2026, 3, 2, tzinfo=UTC), 3 * 3600, 1.0, seed=1)
    with closing(open_log(store_settings)) as event_log:
        for index in range(chunk_count(plan)):
            event_log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(plan, index)))
    with open_scorer(store_settings, "vigil-scorer", show=None) as scorer:
        scorer.run(threading.Event(), drain=True)
    said = run(monkeypatch, store_settings)
    assert "windows from 2026-03-02 00:00 to 2026-03-02 02:59" in said

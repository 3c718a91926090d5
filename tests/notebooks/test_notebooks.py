"""Every notebook runs from top to bottom, and is kept without outputs."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from jupyter_client import KernelManager
from nbclient import NotebookClient
from scored_traffic import score_traffic

from vigil.config import ROOT, Settings, load_settings
from vigil.simulate import SimulationPlan, plan_faults

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def long_estate(new_database, tmp_path_factory) -> Settings:
    """Two days and a bit of thin traffic, with faults in the last hours."""
    settings = load_settings(
        home=tmp_path_factory.mktemp("long"), store_url=new_database(), window_s=300
    )
    start_at = datetime(2026, 3, 2, tzinfo=UTC)
    faults = plan_faults(5, start_at + timedelta(hours=46), start_at + timedelta(hours=54), 3)
    plan = SimulationPlan(start_at, 54 * 3600, 0.5, seed=5, faults=tuple(faults))
    score_traffic(settings, plan)
    return settings


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelManager]:
    """One kernel for all, so that libraries are imported once."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(ROOT), env=os.environ | {"PLOTLY_RENDERER": "plotly_mimetype"})
    yield manager
    manager.shutdown_kernel(now=True)


def run(path: Path, settings: Settings, kernel: KernelManager) -> list:
    """Execute every cell of a notebook in a clean namespace; returns the outputs."""
    notebook = nbformat.read(path, as_version=4)
    variables = {"VIGIL_HOME": str(settings.home), "VIGIL_STORE_URL": settings.store_url}
    clean = f"%reset -f\nimport os\nos.environ.update({variables!r})"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(clean))
    NotebookClient(notebook, timeout=120, km=kernel).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_two_days_of_traffic(path, long_estate, kernel):
    """Without an error, and with at least one picture or table to look at."""
    outputs = run(path, long_estate, kernel)
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert kinds & {"application/vnd.plotly.v1+json", "text/html"}


@pytest.mark.filterwarnings("ignore")
def test_an_empty_home_is_no_error(store_settings, kernel):
    """The first notebook that a newcomer opens says that nothing is there yet."""
    outputs = run(NOTEBOOKS[0], store_settings, kernel)
    shown = " ".join(str(output.get("data", {})) for output in outputs)
    assert "nothing was scored yet" in shown


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_outputs(path):
    """They are made anew by running them."""
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id

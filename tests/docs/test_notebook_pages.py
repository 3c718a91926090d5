"""Notebooks are pages of the documentation, with the outputs of their last run."""

import re

import nbformat
import notebook_pages
import plotly.graph_objects as go
import pytest
from nbformat.v4 import new_output
from notebook_pages import NOTEBOOKS, PLOTLY_FILE, executed, notebook_files


@pytest.fixture
def one(tmp_path, monkeypatch):
    """The first notebook alone, as if it had been run: one cell has a figure."""
    monkeypatch.setattr(notebook_pages, "EXECUTED", tmp_path)
    monkeypatch.setattr(notebook_pages, "NOTEBOOKS", NOTEBOOKS[:1])
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    figure = go.Figure(go.Bar(y=[1, 2])).to_html(include_plotlyjs="cdn", include_mathjax="cdn")
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "W()"}
    code = next(cell for cell in notebook.cells if cell.cell_type == "code")
    code.outputs = [
        new_output("display_data", {"text/html": f"<p>drawn</p>{figure}"}),
        new_output("display_data", widget),
    ]
    nbformat.write(notebook, tmp_path / NOTEBOOKS[0].name)
    return tmp_path / NOTEBOOKS[0].name


def test_a_page_shows_the_outputs_and_loads_nothing_from_elsewhere(one):
    """Plotly lies beside it, a picture stands for a widget, and the list leads to it."""
    files = notebook_files()
    page = files[f"notebooks/{NOTEBOOKS[0].stem}.html"]
    assert "<p>drawn</p>" in page
    assert f'src="{PLOTLY_FILE}"' in page
    assert "label-widget.png" in page
    assert not re.search(r"(?:src=|import )\"https?:", page)
    assert files[f"notebooks/{PLOTLY_FILE}"].startswith("/**\n* plotly.js")
    assert f"](notebooks/{NOTEBOOKS[0].stem}.html)" in files["notebooks.md"]
    assert "simulated traffic" in files["notebooks.md"]


def test_outputs_of_a_notebook_that_has_changed_since_are_not_shown(one):
    """Its cells are, and the list says how outputs come."""
    notebook = nbformat.read(one, as_version=4)
    notebook.cells[-1].source += "\n1"
    nbformat.write(notebook, one)
    assert executed(NOTEBOOKS[0]) is None
    files = notebook_files()
    assert "<p>drawn</p>" not in files[f"notebooks/{NOTEBOOKS[0].stem}.html"]
    assert "`make docs` has run them" in files["notebooks.md"]

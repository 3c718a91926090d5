"""The documentation: it builds strictly, its Python runs."""

import subprocess
import sys

from pages import blocks

from vigil.cli.main import COMMANDS
from vigil.config import ROOT


def test_the_site_builds_strictly(tmp_path):
    """No dead link, no page outside of the navigation."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    reference = (tmp_path / "reference" / "commands.html").read_text()
    assert all(f"vigil {name}" in reference for name in COMMANDS)


def test_the_python_of_the_page_about_python_runs(small_estate, monkeypatch):
    """Line by line, on a real installation."""
    monkeypatch.setenv("VIGIL_HOME", str(small_estate.home))
    monkeypatch.setenv("VIGIL_STORE_URL", small_estate.store_url)
    [block] = blocks(ROOT / "docs" / "python.md", "python")
    names: dict[str, object] = {}
    exec(block, names)
    assert len(names["v"].series(service="orders")) > 0
    names["v"].close()


def test_the_detector_of_the_how_to_scores(tmp_path):
    """The twenty lines that a reader copies are a candidate."""
    import numpy as np
    import pandas as pd

    block = blocks(ROOT / "docs" / "how-to" / "add-a-detector.md", "python")[0]
    names: dict = {}
    exec(block, names)
    times = pd.date_range("2026-03-02", periods=400, freq="5min")
    values = pd.Series(np.random.default_rng(1).normal(10, 1, 400), index=times)
    values.iloc[390] = 60
    scores = names["candidate"].build(288).score(values.iloc[:300], values.iloc[300:])
    assert scores.argmax() == 90

"""Merlion as a peer: the same series for both, failures counted, no Merlion needed to test it."""

import stat
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from vigil.bench.merlion_peer import bench_merlion, sample
from vigil.errors import UsageError

# Stands in for an interpreter with Merlion: scores the change, fails on series that begin with 7.
PYTHON = """#!{python}
import sys
import numpy as np
if "-c" not in sys.argv:
    source, target = sys.argv[-2:]
    given = np.load(source)
    if given["value"][0] == 7:
        sys.exit("TypeError: no such dtype")
    later = given["value"][int(given["fitted"]) :]
    np.savez(target, score=later, flag=later > 80)
"""


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter."""
    path = tmp_path / "python"
    path.write_text(PYTHON.format(python=sys.executable))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def families(tmp_path: Path) -> Path:
    """Two families, of two series and one; the last begins with seven."""
    folder = tmp_path / "data"
    for name, first in (("a/one", 50), ("a/two", 50), ("b/one", 7)):
        value, labels = np.full(400, 50.0), np.zeros(400, int)
        value[0], value[300:305], labels[300:305] = first, 90, 1
        minutes = [f"2026-03-02T{minute // 60:02}:{minute % 60:02}:00Z" for minute in range(400)]
        path = folder / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"timestamp": minutes, "value": value, "label": labels}).write_csv(path)
    return folder


def test_the_sample_takes_families_in_turn(families):
    """So that two series are of two families."""
    assert [(item.family, item.name) for item in sample(families, 2)] == [
        ("a", "one"),
        ("b", "one"),
    ]


def test_failures_are_counted_and_left_out_of_both(families, python):
    """Figures stand beside each other for the same series only."""
    report = bench_merlion(families, python, 3, limit_s=60)
    vigil, merlion = report.rows()
    assert report.failures == {"b/one": "TypeError: no such dtype"}
    assert (merlion["failed"], merlion["segments"], merlion["segment_recall"]) == (1, 2, 1.0)
    assert vigil["segments"] == merlion["segments"]


def test_an_interpreter_without_merlion_is_refused(families):
    """With what to do about it."""
    with pytest.raises(UsageError, match="pip install salesforce-merlion"):
        bench_merlion(families, Path(sys.executable), 1, limit_s=60)

"""Merlion's default detector as a peer: slow, in an environment of its own, on a few series only.

Its figures stand beside Vigil's on the very same series. A series that it fails on, or does not
finish in the time given, is counted and left out of both.
"""

import itertools
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vigil.bench.peers import PEERS
from vigil.bench.series import LabelledSeries, SeriesResult, read_families
from vigil.errors import UsageError

WORKER = Path(__file__).with_name("merlion_worker.py")
SAMPLE = "sample of"


@dataclass(slots=True)
class MerlionReport:
    """Both detectors on the series that Merlion finished, and why it did not finish the others."""

    vigil: SeriesResult
    merlion: SeriesResult
    failures: dict[str, str] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """A row a detector, ready for JSON."""
        return [
            {**result.summary(), "failed": failed}
            for result, failed in ((self.vigil, 0), (self.merlion, len(self.failures)))
        ]


def bench_merlion(
    folder: Path,
    python: Path,
    series: int,
    limit_s: float,
    tick: Callable[[], None] = lambda: None,
) -> MerlionReport:
    """Run Merlion by the interpreter `python` on `series` series, each for `limit_s` at most.

    Series are taken from all families in turn, in the order of their names. Raises UsageError where
    that interpreter has no Merlion.
    """
    _require_merlion(python)
    chosen = sample(folder, series)
    name = f"{SAMPLE} {len(chosen)}"
    report = MerlionReport(SeriesResult("vigil", name), SeriesResult("merlion", name))
    for item in chosen:
        began = time.perf_counter()
        try:
            found = _run(python, item, limit_s)
        except subprocess.TimeoutExpired:
            report.failures[f"{item.family}/{item.name}"] = f"not done after {limit_s:g} s"
        except subprocess.CalledProcessError as error:
            report.failures[f"{item.family}/{item.name}"] = error.stderr.strip().rpartition("\n")[2]
        else:
            report.merlion.add(item, *found, time.perf_counter() - began)
            began = time.perf_counter()
            own = PEERS["vigil"](item.time_s, item.value)
            report.vigil.add(item, *own, time.perf_counter() - began)
        tick()
    return report


def sample(folder: Path, series: int) -> list[LabelledSeries]:
    """The first of each family, then the second of each, until there are enough."""
    rounds = itertools.zip_longest(*read_families(folder).values())
    return [item for turn in rounds for item in turn if item is not None][:series]


def _require_merlion(python: Path) -> None:
    command = [str(python), "-I", "-c", "import merlion.models.defaults"]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"{python} cannot import Merlion: make an environment of its own with"
            " `pip install salesforce-merlion` and give its interpreter"
        ) from error


def _run(python: Path, item: LabelledSeries, limit_s: float) -> tuple[np.ndarray, np.ndarray]:
    """(score, flag), both (n,); nothing for the rows it was fitted on."""
    value = pd.Series(item.value).ffill().bfill().fillna(0.0).to_numpy()
    with tempfile.TemporaryDirectory(prefix="vigil-") as name:
        source, target = Path(name) / "series.npz", Path(name) / "scores.npz"
        np.savez(source, time_s=item.time_s, value=value, fitted=item.start)
        command = [str(python), "-I", str(WORKER), str(source), str(target)]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=limit_s)
        found = np.load(target)
        before = np.zeros(item.start)
        score = np.concatenate([before, found["score"]])
        return score, np.concatenate([before, found["flag"]]).astype(bool)

"""Two commits side by side: the same benchmark, run by each in turns on this machine."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from vigil.errors import UsageError, VigilError

HEAD = Path(__file__).resolve().parents[3]


def compare(
    commit: str, options: Sequence[str], rounds: int, tick: Callable[[], None]
) -> list[dict[str, Any]]:
    """Events a second of `commit` (base) and of this checkout (head), by path; medians.

    Both run with this environment's libraries. Raises UsageError for a commit that is none.
    """
    with _checkout(commit) as base:
        # The first run in a new folder compiles what later ones load: that is not to be timed.
        _run(base, [*options, "--events", "1000"])
        found: dict[str, dict[str, list[float]]] = {}
        for number in range(rounds):
            sides = (("base", base), ("head", HEAD))
            for side, folder in sides if number % 2 == 0 else reversed(sides):
                for row in _run(folder, options)["throughput"]:
                    rates = found.setdefault(row["path"], {"base": [], "head": []})
                    rates[side].append(row["scorer_events_per_s"])
                tick()
    return [
        {
            "path": path,
            "base_events_per_s": round(median(rates["base"])),
            "head_events_per_s": round(median(rates["head"])),
            "head_by_base": round(median(rates["head"]) / median(rates["base"]), 3),
        }
        for path, rates in found.items()
    ]


@contextmanager
def _checkout(commit: str) -> Iterator[Path]:
    """The commit's files in a folder of their own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="vigil-bench-") as folder:
        tree = Path(folder) / "base"
        try:
            _git("worktree", "add", "--detach", str(tree), commit)
        except subprocess.CalledProcessError as error:
            reason = error.stderr.strip().splitlines()[-1:]
            raise UsageError(f"--against must be a commit: {' '.join(reason)}") from error
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    command = ["git", *arguments]
    subprocess.run(command, cwd=HEAD, capture_output=True, text=True, check=True)


def _run(folder: Path, options: Sequence[str]) -> dict[str, Any]:
    """One run of the benchmark by the code in `folder`."""
    command = [
        sys.executable, "-c", "from vigil.cli.main import main; main()", "bench", "stream",
        "--json", "--rounds", "1", *options,
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise VigilError(f"the benchmark of {folder} failed: {' '.join(last)}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found

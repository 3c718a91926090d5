"""Results kept: one JSON line a run, and a picture of them over time."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LIBRARIES = ("polars", "pyarrow", "numpy", "confluent-kafka", "psycopg")


def circumstances() -> dict[str, Any]:
    """When, of which commit, on what machine and under what load."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "cores": os.cpu_count(),
        "load_1_min": round(os.getloadavg()[0], 2),
    }


def _commit() -> str:
    """Of the checkout that this is run from, empty for an installed wheel."""
    command = ["git", "describe", "--always", "--dirty"]
    folder = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def keep(folder: Path, report: Mapping[str, Any]) -> tuple[Path, Path]:
    """Add the report to `stream.jsonl` and draw `stream.png` anew; returns both paths."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, picture = folder / "stream.jsonl", folder / "stream.png"
    with lines.open("a") as out:
        out.write(json.dumps(report) + "\n")
    _draw([json.loads(line) for line in lines.read_text().splitlines()], picture)
    return lines, picture


def _draw(reports: list[dict[str, Any]], path: Path) -> None:
    """The scorer's rate as a share of the limit, by path and run."""
    # A second of imports that only this needs.
    from matplotlib.figure import Figure

    shares: dict[str, list[tuple[datetime, float]]] = {}
    for report in reports:
        at = datetime.fromisoformat(report["circumstances"]["at"])
        for row in report["throughput"]:
            shares.setdefault(row["path"], []).append((at, row["ratio"]))
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.subplots()
    for name, points in shares.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_ylabel("scorer's rate / limit")
    axes.set_ylim(bottom=0)
    axes.legend()
    figure.autofmt_xdate()
    figure.savefig(path, dpi=110)

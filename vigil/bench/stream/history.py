"""Results kept: one JSON line a run, and a picture of them over time."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


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

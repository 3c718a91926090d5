"""Results kept: one JSON line a run, and a picture of them over time."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any


def keep(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Add the report to `stream.jsonl`, draw `stream.png` anew, and of a soak `soak.png`; returns
    the paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines, picture = folder / "stream.jsonl", folder / "stream.png"
    with lines.open("a") as out:
        out.write(json.dumps(report) + "\n")
    _draw([json.loads(line) for line in lines.read_text().splitlines()], picture)
    kept = [lines, picture]
    if "soak" in report:
        kept.append(folder / "soak.png")
        _draw_soak(report["soak"]["readings"], kept[-1])
    return kept


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


def _draw_soak(readings: Sequence[Sequence[float]], path: Path) -> None:
    """Memory and lag by minute."""
    from matplotlib.figure import Figure

    elapsed_s, memory_mb, lag = zip(*readings, strict=True)
    minutes = [seconds / 60 for seconds in elapsed_s]
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    above.plot(minutes, memory_mb)
    above.set_ylabel("memory, MB")
    below.plot(minutes, lag, color="tab:orange")
    below.set_ylabel("lag, messages")
    below.set_xlabel("minutes")
    for axes in (above, below):
        axes.set_ylim(bottom=0)
    figure.savefig(path, dpi=110)

"""The page of benchmarks, made from the results that are kept in docs/benchmarks.

Each benchmark's newest result is shown whole; where there are two or more of the same command its
main figures are drawn over time.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from vigil.cli.bench import BENCHMARKS

# Benchmark → figures that are drawn over time: a name, and the way to it in the result. A step is a
# key of an object, or key=value for a row of a list.
HEADLINES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "alerts": {"faults paged": ("policies", "policy=vigil", "faults_paged")},
    "collect": {"of a bare handler": ("receiver=vigil", "ratio")},
    "ledger": {"GiB": ("gib",), "lookup, ms": ("lookup_ms_median",)},
    "logs": {
        "grouping accuracy, mean": ("accuracy", "system=mean", "vigil_raw"),
        "times as fast as drain3": ("speed_ratio",),
    },
    "redaction": {},
    "series": {"F1 of Vigil": ("family=all", "f1")},
    "stream": {
        "JSON from Kafka, of the limit": ("throughput", "path=json-kafka", "ratio"),
        "Arrow from Kafka, of the limit": ("throughput", "path=arrow-kafka", "ratio"),
        "Arrow from SQLite, of the limit": ("throughput", "path=arrow-sqlite", "ratio"),
    },
    "train": {"times as fast as a loop": ("speedup",)},
}

Record = Mapping[str, Any]


def read_records(folder: Path) -> list[Record]:
    """All kept results, by benchmark and command, the newest last."""
    records = [json.loads(path.read_text()) | {"file": path.name} for path in folder.glob("*.json")]
    order = list(BENCHMARKS)
    return sorted(records, key=lambda r: (order.index(r["benchmark"]), r["command"], r["at"]))


def benchmarks_page(introduction: str, folder: Path) -> tuple[str, dict[str, bytes]]:
    """(the page as Markdown, its pictures as SVG by name)."""
    lines, pictures = [introduction.rstrip(), ""], {}
    for name, kept in groupby(read_records(folder), key=lambda record: record["benchmark"]):
        lines += [f"## {name}", "", BENCHMARKS[name], ""]
        for command, same in groupby(kept, key=lambda record: record["command"]):
            runs = list(same)
            lines += _run(command, runs[-1])
            drawn = _over_time(name, runs)
            if drawn:
                picture = f"{runs[-1]['file'].removesuffix('.json')}.svg"
                pictures[picture] = drawn
                lines += [f"![{name} over time](benchmarks/{picture})", ""]
    return "\n".join(lines), pictures


def _run(command: str, record: Record) -> list[str]:
    machine, libraries = record["machine"], record["libraries"]
    before, after = machine["load_1m"]
    held = "" if record["exit_code"] == 0 else " **What it asserts did not hold.**"
    day = datetime.fromisoformat(record["at"])
    return [
        f"`{command}`, {day:%Y-%m-%d}, {record['took_s']:.0f} s.{held}",
        "",
        *_tables(record["result"]),
        f"Vigil {record['vigil']} at {record['commit']}, Python {record['python']}, "
        + ", ".join(f"{library} {number}" for library, number in libraries.items())
        + f". {machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']} GiB, load"
        f" {before} before and {after} after. [As JSON](benchmarks/{record['file']}).",
        "",
    ]


def _tables(result: Any, title: str = "") -> Iterator[str]:
    """Rows become a table, single facts another, parts their own under their name."""
    if isinstance(result, list):
        yield from _table(result, title)
        return
    facts = {key: value for key, value in result.items() if not _is_part(value)}
    if facts:
        yield from _table(
            [{"figure": key.replace("_", " "), "value": value} for key, value in facts.items()],
            title,
        )
    for key, value in result.items():
        if _is_part(value):
            yield from _tables(value, f"{title} {key}".strip())


def _is_part(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and isinstance(value[0], dict)
    )


def _table(rows: Sequence[Mapping[str, Any]], title: str) -> Iterator[str]:
    if title:
        yield from (f"**{title.replace('_', ' ')}**", "")
    names = list(dict.fromkeys(name for row in rows for name in row))
    yield "| " + " | ".join(name.replace("_", " ") for name in names) + " |"
    yield "|" + "|".join("---" for _ in names) + "|"
    for row in rows:
        yield "| " + " | ".join(_cell(row.get(name)) for name in names) + " |"
    yield ""


def _cell(value: Any) -> str:
    if value is None or value == {}:
        return "–"
    if isinstance(value, dict):
        return ", ".join(f"{key.replace('_', ' ')}: {_cell(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".") if abs(value) < 1_000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value).replace("|", "\\|")


def figure(result: Any, way: Sequence[str]) -> float | None:
    """The number at the end of the way, None where it leads nowhere."""
    for step in way:
        if isinstance(result, list):
            key, _, value = step.partition("=")
            result = next((row for row in result if str(row.get(key)) == value), None)
        elif isinstance(result, dict):
            result = result.get(step)
    return float(result) if isinstance(result, int | float) else None


def _over_time(name: str, runs: Sequence[Record]) -> bytes | None:
    """Small multiples of the headline figures as SVG, None for less than two runs."""
    drawn = {
        label: [figure(run["result"], way) for run in runs]
        for label, way in HEADLINES.get(name, {}).items()
    }
    drawn = {label: values for label, values in drawn.items() if None not in values}
    if len(runs) < 2 or not drawn:
        return None
    import matplotlib as mpl
    from matplotlib.figure import Figure

    times = [datetime.fromisoformat(run["at"]) for run in runs]
    # Text as text, and the same bytes for the same figures.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "vigil"}):
        picture = Figure(figsize=(7, 1.8 * len(drawn)), layout="constrained")
        for axes, (label, values) in zip(
            picture.subplots(len(drawn), 1, squeeze=False)[:, 0], drawn.items(), strict=True
        ):
            axes.plot(times, values, "o-", ms=4, lw=1)
            axes.set_title(label, loc="left", fontsize=9)
            axes.margins(y=0.3)
            axes.tick_params(labelsize=8)
        buffer = io.BytesIO()
        picture.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()

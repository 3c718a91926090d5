"""A benchmark's result as a file of docs/benchmarks: what was run, when, on what, what came out.

python tools/bench_record.py logs --repeat 3
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "benchmarks"
# What results depend on besides Vigil itself.
LIBRARIES = ("numpy", "polars", "pyarrow", "numba", "darts", "sktime", "statsforecast")


def main(words: list[str]) -> int:
    """Run `vigil bench` with these words and keep its result; returns its exit code."""
    if not words or words[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    began_at, began_s, load_before = datetime.now(UTC), time.monotonic(), os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, "-m", "vigil.cli.main", "bench", *words, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    # 1 is an answer too: what the benchmark asserts does not hold.
    if done.returncode not in (0, 1):
        return done.returncode
    record = {
        "benchmark": words[0],
        "command": " ".join(["vigil", "bench", *words]),
        "at": began_at.isoformat(timespec="seconds"),
        "took_s": round(time.monotonic() - began_s, 1),
        "exit_code": done.returncode,
        "vigil": version("vigil"),
        "commit": _commit(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "machine": _machine() | {"load_1m": [round(load_before, 1), round(os.getloadavg()[0], 1)]},
        "result": json.loads(done.stdout),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{words[0]}-{began_at:%Y%m%d-%H%M%S}.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    print(f"kept in {path.relative_to(FOLDER.parent.parent)}", file=sys.stderr)
    return done.returncode


def _commit() -> str:
    """Of the checkout, with + where files differ from it."""
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty=+", "--abbrev=10", "--exclude=*"],
        capture_output=True, text=True, check=False, cwd=FOLDER.parent,
    )  # fmt: skip
    return said.stdout.strip() or "unknown"


def _machine() -> dict[str, Any]:
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    found = (
        re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        if cpuinfo.exists()
        else None
    )
    return found[1] if found else platform.processor() or "unknown"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

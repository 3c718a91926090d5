"""`vigil bench logs`: template miners on public logs with labels, and their speed.

Grouping accuracy: the share of lines whose group holds exactly the lines of the true group (Zhu et
al., "Tools and benchmarks for automated log parsing", ICSE-SEIP 2019). One configuration each, no
expressions of any system; lines come in order and are seen once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vigil.errors import InputError
from vigil.logs.lines import Lines, split_lines
from vigil.logs.raw import RawMiner

# The general masks that drain3's own documentation shows.
_DRAIN_MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)
_BATCH_LINES = 50_000

Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class LabelledLog:
    """One system. raw: its file; messages: its lines without header; truth: group of each."""

    system: str
    raw: bytes
    messages: Sequence[str]
    truth: np.ndarray


def read_logs(folder: Path) -> list[LabelledLog]:
    """The labelled logs below a copy of Loghub 2k; raises InputError."""
    logs = []
    for labels in sorted(folder.glob("*/*_structured_corrected.csv")):
        table = pd.read_csv(labels, keep_default_na=False)
        raw = labels.with_name(labels.name.replace("_structured_corrected.csv", "")).read_bytes()
        truth = pd.factorize(table["EventId"])[0]
        logs.append(LabelledLog(labels.parent.name, raw, table["Content"].tolist(), truth))
    if not logs:
        raise InputError(f"{folder} is not a copy of Loghub 2k: no */*_structured_corrected.csv")
    return logs


def grouping_accuracy(truth: np.ndarray, found: np.ndarray) -> float:
    """0 to 1.

    >>> grouping_accuracy(np.array([1, 1, 2, 3]), np.array([7, 7, 8, 8]))
    0.5
    """
    pairs = pd.DataFrame({"truth": truth, "found": found})
    size, found_size, common = (
        pairs.groupby(by)["truth"].transform("size")
        for by in ("truth", "found", ["truth", "found"])
    )
    return float(((size == common) & (found_size == common)).mean())


def mine_raw(lines: Lines) -> np.ndarray:
    """Vigil's template of each raw line."""
    raw = RawMiner()
    batches = [slice(at, at + _BATCH_LINES) for at in range(0, len(lines), _BATCH_LINES)]
    numbers = [raw.observe(lines.at(batch)) for batch in batches]
    return raw.miner.resolve(np.concatenate(numbers))


def mine_with_drain3(texts: Sequence[str]) -> np.ndarray:
    """drain3's cluster of each text, with its defaults and three general masks."""
    from drain3 import TemplateMiner
    from drain3.masking import MaskingInstruction
    from drain3.template_miner_config import TemplateMinerConfig

    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(*mask) for mask in _DRAIN_MASKS]
    miner = TemplateMiner(config=config)
    return np.array([miner.add_log_message(text)["cluster_id"] for text in texts])


def bench_logs(folder: Path, repeat: int, tick: Tick = lambda: None) -> dict[str, Any]:
    """Accuracy of each system and CPU speed on all of its lines, `repeat` times over.

    `tick` is called after each system.
    """
    rows, seconds = [], {"vigil": 0.0, "drain3": 0.0}
    lines_timed = 0
    logs = read_logs(folder)
    # Loads or compiles the machine code, which is no part of the speed.
    mine_raw(split_lines(logs[0].raw))
    for log in logs:
        lines = split_lines(log.raw)
        texts = [lines.text(n) for n in range(len(lines))]
        if len(texts) != len(log.truth):
            raise InputError(f"{log.system}: {len(texts)} lines for {len(log.truth)} labels")
        rows.append(
            {
                "system": log.system,
                "vigil_raw": round(grouping_accuracy(log.truth, mine_raw(lines)), 4),
                "drain3_raw": round(grouping_accuracy(log.truth, mine_with_drain3(texts)), 4),
                "drain3_message": round(
                    grouping_accuracy(log.truth, mine_with_drain3(log.messages)), 4
                ),
            }
        )
        many = split_lines((log.raw.rstrip(b"\n") + b"\n") * repeat)
        seconds["vigil"] += _cpu_s(partial(mine_raw, many))
        seconds["drain3"] += _cpu_s(partial(mine_with_drain3, texts * repeat))
        lines_timed += len(many)
        tick()
    means = {
        name: round(float(np.mean([row[name] for row in rows])), 4)
        for name in rows[0]
        if name != "system"
    }
    speed = {f"{name}_lines_per_s": round(lines_timed / took) for name, took in seconds.items()}
    return {
        "accuracy": [*rows, {"system": "mean", **means}],
        "lines_timed": lines_timed,
        **speed,
        "speed_ratio": round(seconds["drain3"] / seconds["vigil"], 2),
    }


def _cpu_s(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began

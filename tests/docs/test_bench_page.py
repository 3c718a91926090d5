"""The page of benchmarks: made from kept results, each with what it was measured on."""

import json
from pathlib import Path

import pytest
from bench_page import HEADLINES, benchmarks_page, figure, read_records

from vigil.cli.bench import BENCHMARKS
from vigil.config import ROOT

KEPT = ROOT / "docs" / "benchmarks"


def keep(folder: Path, at: str, ratio: float) -> None:
    record = {
        "benchmark": "logs", "command": "vigil bench logs", "at": at, "took_s": 12.3,
        "exit_code": 0, "vigil": "0.1.0", "commit": "abc", "python": "3.12.1",
        "libraries": {"polars": "2.0.0"},
        "machine": {"cpu": "some", "cores": 2, "memory_gib": 8, "load_1m": [0.5, 1.5]},
        "result": {
            "accuracy": [
                {"system": "HDFS", "vigil_raw": 0.99},
                {"system": "mean", "vigil_raw": 0.9},
            ],
            "speed_ratio": ratio,
        },
    }  # fmt: skip
    (folder / f"logs-{at[:10]}.json").write_text(json.dumps(record))


def test_a_result_is_shown_with_its_command_versions_machine_and_load(tmp_path):
    """All that a reader needs to judge it."""
    keep(tmp_path, "2026-03-02T12:00:00+00:00", 8.0)
    page, pictures = benchmarks_page("# Benchmarks\n", tmp_path)
    assert "`vigil bench logs`, 2026-03-02, 12 s." in page
    assert "| HDFS | 0.99 |" in page
    assert "| speed ratio | 8 |" in page
    assert "Vigil 0.1.0 at abc, Python 3.12.1, polars 2.0.0" in page
    assert "2 cores of some, 8 GiB, load 0.5 before and 1.5 after" in page
    assert pictures == {}


def test_two_results_of_one_command_are_drawn_over_time_and_the_newest_is_shown(tmp_path):
    """The same figures give the same picture, byte for byte."""
    keep(tmp_path, "2026-03-03T12:00:00+00:00", 9.0)
    keep(tmp_path, "2026-03-02T12:00:00+00:00", 8.0)
    page, pictures = benchmarks_page("# Benchmarks\n", tmp_path)
    [(name, drawn)] = pictures.items()
    assert f"](benchmarks/{name})" in page
    assert b"times as fast as drain3" in drawn
    assert "| speed ratio | 9 |" in page
    assert "| speed ratio | 8 |" not in page
    assert benchmarks_page("", tmp_path)[1] == pictures


def test_counts_in_a_cell_are_said_in_words(tmp_path):
    """As of what was missed."""
    keep(tmp_path, "2026-03-02T12:00:00+00:00", 8.0)
    path = next(tmp_path.glob("*.json"))
    rows = [
        {"system": "a", "missed": {"latency_ramp": 1, "drop": 2}},
        {"system": "b", "missed": {}},
    ]
    path.write_text(json.dumps(json.loads(path.read_text()) | {"result": {"accuracy": rows}}))
    page, _ = benchmarks_page("", tmp_path)
    assert "| a | latency ramp: 1, drop: 2 |" in page
    assert "| b | – |" in page


def test_what_did_not_hold_is_said(tmp_path):
    """An exit code of 1 is an answer."""
    keep(tmp_path, "2026-03-02T12:00:00+00:00", 8.0)
    path = next(tmp_path.glob("*.json"))
    path.write_text(path.read_text().replace('"exit_code": 0', '"exit_code": 1'))
    assert "did not hold" in benchmarks_page("", tmp_path)[0]


@pytest.mark.parametrize("way", [("accuracy", "system=none", "vigil_raw"), ("no", "such")])
def test_a_way_that_leads_nowhere_gives_no_figure(tmp_path, way):
    """A benchmark may change its result."""
    assert figure({"accuracy": [{"system": "mean"}]}, way) is None


def test_every_kept_result_is_of_a_benchmark_and_has_its_headlines():
    """A result that cannot be shown is found here, not by a reader."""
    records = read_records(KEPT)
    assert records
    for record in records:
        assert record["benchmark"] in BENCHMARKS
        for way in HEADLINES.get(record["benchmark"], {}).values():
            assert figure(record["result"], way) is not None, (record["file"], way)

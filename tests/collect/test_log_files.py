"""`vigil logs mine` on files."""

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest

from vigil.bench.logs import grouping_accuracy
from vigil.collect.log_files import mine_file
from vigil.errors import InputError

LINES = [f"2026-03-02 08:00:{n % 60:02d} INFO app: order {n} accepted" for n in range(500)]


def test_each_line_has_its_row_in_order(tmp_path):
    """Also without a newline at the end, compressed, and with empty lines."""
    path, out = tmp_path / "app.log.gz", tmp_path / "templates.csv"
    path.write_bytes(
        gzip.compress("\n".join([*LINES, "", "2026-03-02 08:09:00 WARN app: x"]).encode())
    )
    mined = mine_file(path, out)
    rows = pl.read_csv(out)
    assert rows.columns == ["template_id", "template"]
    assert (mined.lines, rows.height) == (502, 502)
    assert rows["template"].to_list() == ["order <*> accepted"] * 500 + ["", "x"]
    assert rows["template_id"].n_unique() == mined.templates == 3


def test_a_long_file_is_mined_in_blocks(tmp_path, monkeypatch):
    """The blocks leave no trace in the result."""
    path = tmp_path / "app.log"
    path.write_text("\n".join(LINES))
    mine_file(path, tmp_path / "whole.csv")
    monkeypatch.setattr("vigil.collect.log_files._READ_BYTES", 700)
    mine_file(path, tmp_path / "blocks.csv")
    assert (tmp_path / "whole.csv").read_bytes() == (tmp_path / "blocks.csv").read_bytes()


def test_the_mark_before_utf_8_is_no_part_of_a_line(tmp_path):
    """Windows writes it: the first line would have a template of its own."""
    path = tmp_path / "app.log"
    path.write_text("\n".join(LINES), encoding="utf-8-sig")
    assert mine_file(path, tmp_path / "templates.csv").templates == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """Missing or broken."""
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"x" * 9_000)[:40])
    for path in (tmp_path / "none.log", broken):
        with pytest.raises(InputError, match=path.name):
            mine_file(path, tmp_path / "out.csv")


@pytest.mark.shared_data
def test_real_logs_are_grouped_as_people_do(datasets, tmp_path):
    """Eight systems, raw lines, no configuration."""
    accuracies = {}
    for folder in sorted(path for path in (datasets / "loghub").iterdir() if path.is_dir()):
        truth = pd.read_csv(next(folder.glob("*_structured_corrected.csv")))
        mine_file(folder / f"{folder.name}_2k.log", tmp_path / "out.csv")
        found = pd.read_csv(tmp_path / "out.csv")
        assert len(found) == len(truth)
        accuracies[folder.name] = grouping_accuracy(truth["EventId"], found["template_id"])
    assert len(accuracies) == 8
    assert np.mean(list(accuracies.values())) > 0.98, accuracies
    assert min(accuracies.values()) > 0.95, accuracies

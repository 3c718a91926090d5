"""The benchmark of template miners."""

import numpy as np
import pytest

from vigil.bench.logs import bench_logs, grouping_accuracy
from vigil.errors import InputError


def test_a_group_counts_only_when_it_is_exactly_the_true_one():
    """One stray line spoils both groups it touches."""
    truth = np.array([1, 1, 1, 2, 2, 3])
    assert grouping_accuracy(truth, np.array([9, 9, 9, 8, 8, 7])) == 1
    assert grouping_accuracy(truth, np.array([9, 9, 8, 8, 8, 7])) == pytest.approx(1 / 6)


def test_both_miners_read_the_same_lines(tmp_path):
    """A folder a system: raw log and labels."""
    folder = tmp_path / "Shop"
    folder.mkdir()
    messages = [f"order {n} of cart accepted" for n in range(20)] + ["cache is full"] * 20
    lines = [f"2026-03-02 08:00:{n:02d} INFO shop: {text}" for n, text in enumerate(messages)]
    (folder / "Shop_2k.log").write_text("\n".join(lines))
    labels = [f"{n},{text},E{n // 20}" for n, text in enumerate(messages)]
    (folder / "Shop_2k.log_structured_corrected.csv").write_text(
        "\n".join(["LineId,Content,EventId", *labels])
    )
    facts = bench_logs(tmp_path, repeat=2)
    assert facts["accuracy"][0] == {
        "system": "Shop", "vigil_raw": 1.0, "drain3_raw": 1.0, "drain3_message": 1.0
    }  # fmt: skip
    assert facts["lines_timed"] == 80


def test_a_folder_without_labels_is_refused(tmp_path):
    """The message says what is missing."""
    with pytest.raises(InputError, match="_structured_corrected"):
        bench_logs(tmp_path, repeat=1)

"""The benchmark's report holds every series as a picture, in one file."""

import numpy as np
import polars as pl

from vigil.bench.report import write_report


def test_each_series_is_drawn_once(tmp_path):
    """By family, with its name and the figures, and no reference to another file."""
    value = np.arange(40.0)
    for family in ("a", "b"):
        (tmp_path / family).mkdir()
        times = [f"2026-03-02T{hour % 24:02}:{hour // 24:02}:00Z" for hour in range(40)]
        frame = pl.DataFrame({"timestamp": times, "value": value, "label": [0] * 40})
        frame.write_csv(tmp_path / family / f"{family}-series.csv")
    done = []
    out = tmp_path / "report.html"
    write_report(out, tmp_path, [{"f1": 0.5}], "rolling_mad", lambda: done.append(1))
    page = out.read_text()
    assert len(done) == 2
    assert page.count("data:image/png;base64,") == 2
    assert 'alt="a-series"' in page
    assert "<th>f1</th>" in page

"""A csv of timestamps and values is read as anybody may have written it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from vigil.collect.files import guess_kind, read_chunks
from vigil.collect.series_csv import read_series
from vigil.errors import InputError
from vigil.events.rules import Limits

TIMES = ["2026-03-02 10:00:00", "2026-03-02 10:05:00", "2026-03-02 10:10:00"]


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,value\n{0},1.5\n{1},\n{2},-2\n",
        "timestamp;value\r\n{0};1,5\r\n{1};\r\n{2};-2\r\n",
        "timestamp\tvalue\n{0}\t1.5\n{1}\tNaN\n{2}\t-2\n",
        '\ufeff"timestamp","value"\n"{0}","1.5"\n"{1}","-"\n"{2}","-2"\n',
        "{0},1.5\n{1},\n{2},-2\n",
        "{0};1,5;x\n{1};;x\n{2};-2;x\n",
    ],
    ids=["comma", "semicolon", "tab", "mark and quotes", "no header", "semicolon, no header"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_layouts_of_the_same_series_are_the_same(tmp_path, text, encoding):
    """Every row is kept, with the file's own text of its timestamp."""
    path = tmp_path / "series.csv"
    path.write_bytes(text.format(*TIMES).encode(encoding))
    series = read_series(path)
    assert series.timestamp.to_list() == TIMES
    np.testing.assert_array_equal(np.diff(series.time_s), 300)
    np.testing.assert_array_equal(series.value, [1.5, np.nan, -2])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("time,value\n2026-03-02,1\nlater,2\n", "line 3: must be a timestamp, got 'later'"),
        ("2026-03-02,1\n2026-03-03,much\n", "line 2: must be a number, got 'much'"),
        ('t,v\n2026-03-02,"1,234"\n', "line 2: must be a number, got '1,234'"),
        ("timestamp,value\n", "has no rows"),
        ("", "cannot be read as csv"),
        ("value\n1\n", "needs the columns timestamp and value"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, text, told):
    """The line is that of the file, with or without a header."""
    path = tmp_path / "series.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_series(path)


def test_ingest_reads_the_same_layouts(tmp_path):
    """A metric of the file's name, with every row of it."""
    path = tmp_path / "queue.csv"
    path.write_text("{};1,5\r\n{};0\r\n{};-2,25\r\n".format(*TIMES))
    now_at = datetime(2026, 3, 3, tzinfo=UTC)
    [chunk] = read_chunks(path, guess_kind(path), None, now_at, Limits())
    assert chunk.decoded.records["value"].to_list() == [1.5, 0, -2.25]
    assert chunk.decoded.records["metric"].unique().to_list() == ["queue"]


def test_a_missing_file_is_called_missing(tmp_path):
    """And not what a library says of it."""
    with pytest.raises(InputError, match=r"there is no file .*nowhere\.csv"):
        read_series(tmp_path / "nowhere.csv")

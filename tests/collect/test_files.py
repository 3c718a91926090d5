"""Files of records are read as Windows and gzip leave them."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from vigil.collect.files import guess_kind, read_chunks
from vigil.errors import InputError
from vigil.events.rules import Limits

REQUEST = {"time": "2026-03-02T10:00:00Z", "service": "shop", "duration_ms": 12.5}


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("suffix", [".ndjson", ".json"])
def test_the_mark_before_utf_8_is_no_part_of_a_record(tmp_path, suffix, pack):
    """The first record counts as any other."""
    path = tmp_path / f"requests{suffix}{'.gz' if pack is gzip.compress else ''}"
    path.write_bytes(pack(json.dumps(REQUEST).encode("utf-8-sig")))
    [chunk] = read_chunks(path, guess_kind(path), None, datetime(2026, 3, 3, tzinfo=UTC), Limits())
    assert chunk.decoded.records["service"].to_list() == ["shop"]
    assert chunk.decoded.dead.is_empty()


def test_an_empty_file_is_called_empty(tmp_path):
    """And is not asked for fields."""
    (path := tmp_path / "requests.ndjson").touch()
    with pytest.raises(InputError, match="is empty"):
        guess_kind(path)


def test_a_file_that_was_cut_off_is_named(tmp_path):
    """As happens to downloads."""
    path = tmp_path / "requests.json.gz"
    path.write_bytes(gzip.compress(json.dumps(REQUEST).encode() * 100)[:-20])
    with pytest.raises(InputError, match=r"requests\.json\.gz cannot be read"):
        guess_kind(path)

"""A growing file is read line by line, once, whatever happens to it."""

import gzip
import json

from click.testing import CliRunner

from vigil.cli.ingest import command
from vigil.collect.tail import Follower, Position, Positions


def append(path, text):
    """As a server writes."""
    with path.open("a") as out:
        out.write(text)


def test_only_whole_lines_are_read(tmp_path):
    """A line that is being written waits for its end."""
    path = tmp_path / "access.log"
    path.write_text("old\n")
    follower = Follower(path, None)
    assert follower.read() == b""
    append(path, "one\ntw")
    assert follower.read() == b"one\n"
    assert follower.read() == b""
    append(path, "o\n")
    assert follower.read() == b"two\n"


def test_a_rotated_file_is_read_to_its_end_first(tmp_path):
    """Also the last line, which has no line feed; then the new file from its beginning."""
    path = tmp_path / "access.log"
    path.write_text("")
    follower = Follower(path, None)
    follower.read()
    append(path, "one\n")
    path.rename(tmp_path / "access.log.1")
    append(tmp_path / "access.log.1", "two\nthree")
    path.write_text("four\n")
    assert [follower.read() for _ in range(4)] == [b"one\ntwo\n", b"three", b"four\n", b""]


def test_a_truncated_file_is_read_from_its_beginning(tmp_path):
    """As `copytruncate` leaves it."""
    path = tmp_path / "access.log"
    path.write_text("one\ntwo\n")
    follower = Follower(path, None, from_start=True)
    assert follower.read() == b"one\ntwo\n"
    path.write_text("new\n")
    assert follower.read() == b"new\n"


def test_a_file_that_is_not_there_yet_is_new_as_a_whole(tmp_path):
    """Nothing of it was written before we looked."""
    path = tmp_path / "access.log"
    follower = Follower(path, None)
    assert follower.read() == b""
    path.write_text("one\n")
    assert follower.read() == b"one\n"


def test_reading_goes_on_where_it_was(tmp_path):
    """Through a rotation that nobody watched; positions survive in their file."""
    path, kept = tmp_path / "access.log", tmp_path / "positions.json"
    path.write_text("one\n")
    follower = Follower(path, None, from_start=True)
    assert follower.read() == b"one\n"
    Positions(kept).save(path, follower.position)
    follower.close()
    append(path, "two\n")
    path.rename(tmp_path / "access.log.1")
    path.write_text("three\n")
    resumed = Follower(path, Positions(kept).of(path))
    assert [resumed.read(), resumed.read()] == [b"two\n", b"three\n"]


def test_a_file_that_is_gone_is_not_waited_for(tmp_path):
    """It was compressed, say: the new one is read."""
    path = tmp_path / "access.log"
    path.write_text("new\n")
    position = Position(path.stat().st_ino + 1, 100)
    assert Follower(path, position).read() == b"new\n"


def test_a_backlog_is_ingested_compressed_or_not(tmp_path, monkeypatch):
    """accepted + dead = lines, by the command line."""
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path))
    line = '192.0.2.1 - - [31/Mar/2026:23:00:01 +0000] "GET /a/1 HTTP/1.1" 200 5 "-" "x" 0.1\n'
    (tmp_path / "access.log").write_text(line * 2 + "what?\n")
    (tmp_path / "access.log.2.gz").write_bytes(gzip.compress(line.encode() * 3))
    files = [str(tmp_path / name) for name in ("access.log", "access.log.2.gz")]
    options = ["--format", "nginx", "--service", "shop", "--json"]
    result = CliRunner().invoke(command, [*files, *options])
    assert result.exit_code == 0, result.output
    counts = [(row["accepted"], row["dead"]) for row in json.loads(result.stdout)]
    assert counts == [(2, 1), (3, 0)]

"""The state's parts in a file: found by digest, forgotten when nothing names them."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from vigil.config import load_settings
from vigil.errors import ConfigError, StoreError
from vigil.stores import local_state, open_state
from vigil.stores.local_state import LocalState


@pytest.fixture
def local(tmp_path) -> Iterator[LocalState]:
    """A file of a consumer."""
    with closing(LocalState(tmp_path / "new" / "state.sqlite", "c")) as opened:
        yield opened


def test_another_life_finds_what_was_put(local, tmp_path):
    """And only what its own consumer has put."""
    local.put({b"1": b"one", b"2": b"two"})
    local.put({b"1": b"one"})
    local.forget([b"2"])
    path = tmp_path / "new" / "state.sqlite"
    with closing(LocalState(path, "c")) as again, closing(LocalState(path, "d")) as other:
        assert again.get([b"1"]) == {b"1": b"one"}
        for state, digest in ((again, b"2"), (other, b"1")):
            with pytest.raises(StoreError, match="needs the file that it has written"):
                state.get([digest])


def test_what_nobody_names_goes_after_a_while(local, monkeypatch):
    """Not at once: whoever has put it may be about to commit."""
    local.put({b"1": b"one", b"2": b"two"})
    local.sweep([b"1"])
    assert len(local.get([b"1", b"2"])) == 2
    monkeypatch.setattr(local_state, "ABANDONED_S", -1.0)
    local.sweep([b"1"])
    assert local.get([b"1"]) == {b"1": b"one"}
    with pytest.raises(StoreError):
        local.get([b"2"])


def test_a_file_that_is_none_is_named(tmp_path):
    """Instead of an error of SQLite's."""
    path = tmp_path / "state.sqlite"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"state\.sqlite cannot be opened"):
        LocalState(path, "c")


def test_a_disk_that_refuses_ends_the_commit(local):
    """As a full one would."""
    with closing(sqlite3.connect(local._path)) as other:
        other.execute("DROP TABLE parts")
        other.commit()
    with pytest.raises(StoreError, match="cannot be written"):
        local.put({b"1": b"one"})
    with pytest.raises(StoreError, match="cannot be read"):
        local.get([b"1"])
    with pytest.raises(StoreError, match="cannot be read"):
        local.sweep([])


def test_the_setting_names_a_file_or_nothing(tmp_path):
    """Another scheme is refused."""
    assert open_state(load_settings(home=tmp_path), "c") is None
    opened = open_state(load_settings(state_url=f"sqlite:///{tmp_path}/s.sqlite"), "c")
    assert opened is not None
    opened.close()
    with pytest.raises(ConfigError, match="VIGIL_STATE_URL must be sqlite:///PATH"):
        open_state(load_settings(state_url="redis://host"), "c")

"""The state comes back from its parts, and only the parts that changed are written."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vigil.errors import StoreError
from vigil.stores.checkpoint import WHOLE, Checkpoint, CheckpointStore, Outputs, Part
from vigil.stores.local_state import LocalState
from vigil.stores.timescale import METRIC_WINDOWS, REQUEST_WINDOWS, SCORES
from vigil.stream.packing import pack
from vigil.stream.state import ROWS_PER_BLOCK, ArrayCopies, State

LISTS = ("sketch_buckets", "sketch_counts", "worst_traces")
EMPTY = pl.DataFrame(
    schema=dict.fromkeys((*REQUEST_WINDOWS, *METRIC_WINDOWS, *SCORES, *LISTS), pl.Int64)
)
NOTHING = Outputs(EMPTY, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY)


def contents(state: State) -> dict[str, bytes]:
    """Of all parts."""
    return {name: part.content() for name, part in state.parts().items()}


@given(
    arrays(np.float64, st.tuples(st.integers(0, 9_000), st.integers(1, 3))),
    arrays(np.uint8, st.tuples(st.integers(0, 5_000), st.sampled_from([64, 65, 96]))),
)
def test_a_state_comes_back_from_its_parts(narrow, wide):
    """Whatever its arrays' shapes; large ones are cut into blocks of series."""
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    state = State(
        {"g": {"f@1": frame}}, {"d": {"narrow": narrow, "wide": wide}}, {"doc": [1, "two"]}
    )
    parts = contents(state)
    found = State.of(parts)
    assert found.frames["g"]["f@1"].equals(frame)
    assert found.documents == {"doc": [1, "two"]}
    np.testing.assert_array_equal(found.arrays["d"]["narrow"], narrow)
    np.testing.assert_array_equal(found.arrays["d"]["wide"], wide)
    blocks = [name for name in parts if name.startswith("d/narrow")]
    assert len(blocks) == max(1, -(-len(narrow) // ROWS_PER_BLOCK))


def test_a_state_in_one_piece_is_read_as_well():
    """As a version before parts wrote it."""
    frame = pl.DataFrame({"a": [1]})
    found = State.of({WHOLE: pack({"g": {"f": frame}}, {"d": {"x": np.ones(3)}}, {"doc": 1})})
    assert found.frames["g"]["f"].equals(frame)
    assert found.arrays["d"]["x"].tolist() == [1, 1, 1]


def test_copies_stay_as_they_were_until_the_next_ones():
    """An equal version is not copied again."""
    live, copies = np.zeros(3), ArrayCopies()
    first = copies.of({"x": live}, 1)
    live += 1
    assert copies.of({"x": live}, 1) is first
    assert first["x"].tolist() == [0, 0, 0]
    assert copies.of({"x": np.append(live, 5)}, 2)["x"].tolist() == [1, 1, 1, 5]


@pytest.fixture(params=["in the database", "on a local disk"])
def opened(request, engine, tmp_path) -> Iterator[Callable[[str], CheckpointStore]]:
    """Opens the store of a consumer, as another life of it would."""
    with ExitStack() as files:

        def opened(consumer: str) -> CheckpointStore:
            if request.param == "in the database":
                return CheckpointStore(engine, consumer)
            local = files.enter_context(closing(LocalState(tmp_path / "state.sqlite", consumer)))
            return CheckpointStore(engine, consumer, local)

        yield opened


def test_only_changed_parts_are_made_and_written(opened):
    """The same source is not even rendered; what is gone is gone; a new life sees it all."""
    made = []

    def part(source, content: bytes) -> Part:
        def render() -> bytes:
            made.append(content)
            return content

        return Part(source, render)

    store, same = opened("parts"), object()
    store.commit(
        Checkpoint(1, {}, {}), NOTHING, {"a": part(same, b"1"), "b": part(None, b"2"),
                                         "c": part(None, b"3")},
    )  # fmt: skip
    made.clear()
    store.commit(Checkpoint(2, {}, {}), NOTHING, {"a": part(same, b"1"), "b": part(object(), b"4")})
    assert made == [b"4"]
    reborn = opened("parts")
    loaded = reborn.load()
    assert loaded is not None
    assert loaded.state == {"a": b"1", "b": b"4"}
    reborn.commit(Checkpoint(3, {}, {}), NOTHING, {"a": part(object(), b"9")})
    again = opened("parts").load()
    assert again is not None
    assert again.state == {"a": b"9"}


def test_a_look_at_one_part_reads_that_part_only(opened):
    """And leaves the store as if nothing had been loaded."""
    store = opened("glance")
    store.commit(Checkpoint(1, {}, {}), NOTHING, {"a": Part(1, lambda: b"1"), "b": Part(2, bytes)})
    looking = opened("glance")
    seen = looking.load(["a", "no such part"])
    assert seen is not None
    assert seen.state == {"a": b"1"}
    looking.commit(Checkpoint(2, {}, {}), NOTHING, {"b": Part(3, lambda: b"3")})
    whole = opened("glance").load()
    assert whole is not None
    assert whole.state == {"b": b"3"}


def test_what_was_put_and_never_committed_harms_nothing(engine, tmp_path):
    """A holder that has lost its lease puts parts, and its commit fails; the other goes on."""
    path = tmp_path / "state.sqlite"
    with closing(LocalState(path, "c")) as mine, closing(LocalState(path, "c")) as others:
        stale, active = CheckpointStore(engine, "c", mine), CheckpointStore(engine, "c", others)
        active.commit(Checkpoint(1, {}, {}), NOTHING, {"a.arrow": Part(1, lambda: b"1")})
        assert stale.load() is not None
        active.commit(Checkpoint(2, {}, {}), NOTHING, {"a.arrow": Part(2, lambda: b"2")})
        with pytest.raises(StoreError, match="another scorer"):
            stale.commit(Checkpoint(2, {}, {}), NOTHING, {"a.arrow": Part(3, lambda: b"3")})
        loaded = CheckpointStore(engine, "c", others).load()
    assert loaded is not None
    assert loaded.state == {"a.arrow": b"2"}


def test_documents_are_read_without_the_file(engine, tmp_path):
    """Other machines look at them; the rest is missed, and where it lies is said."""
    parts = {"doc.json": Part(1, lambda: b"{}"), "a.arrow": Part(2, lambda: b"1")}
    with closing(LocalState(tmp_path / "state.sqlite", "c")) as local:
        CheckpointStore(engine, "c", local).commit(Checkpoint(1, {}, {}), NOTHING, parts)
    elsewhere = CheckpointStore(engine, "c")
    glance = elsewhere.load(["doc.json"])
    assert glance is not None
    assert glance.state == {"doc.json": b"{}"}
    with pytest.raises(StoreError, match="VIGIL_STATE_URL"):
        elsewhere.load()
    with (
        closing(LocalState(tmp_path / "another.sqlite", "c")) as another,
        pytest.raises(StoreError, match=r"is not in .*another\.sqlite"),
    ):
        CheckpointStore(engine, "c", another).load()


def test_a_state_moves_to_a_disk_as_it_changes(engine, tmp_path):
    """With the setting given to a scorer that has a past."""
    parts = {name: Part(1, lambda: b"1") for name in ("a.arrow", "b.arrow")}
    CheckpointStore(engine, "c").commit(Checkpoint(1, {}, {}), NOTHING, parts)
    with closing(LocalState(tmp_path / "state.sqlite", "c")) as local:
        store = CheckpointStore(engine, "c", local)
        assert store.load() is not None
        changed = {"a.arrow": Part(2, lambda: b"2"), "b.arrow": Part(2, lambda: b"1")}
        store.commit(Checkpoint(2, {}, {}), NOTHING, changed)
        loaded = CheckpointStore(engine, "c", local).load()
    assert loaded is not None
    assert loaded.state == {"a.arrow": b"2", "b.arrow": b"1"}

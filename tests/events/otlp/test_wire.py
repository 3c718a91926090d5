"""The columnar walk sees what protobuf's own parser sees."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList
from otlp_messages import key_values

from vigil.events.otlp.attributes import read_attributes
from vigil.events.otlp.values import rendered
from vigil.events.otlp.wire import LENGTH, VARINT, Walk

scalars = st.one_of(
    st.text(max_size=20), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats()
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=8), scalars, max_size=5), max_size=5))
def test_attributes_read_as_they_were_written(records):
    """Any scalar of any record, whatever its neighbours."""
    payloads = [KeyValueList(values=key_values(record)).SerializeToString() for record in records]
    walk = Walk(payloads)
    found = read_attributes(walk, walk.read(walk.root, repeated=1).repeated, len(records))
    names = [name.decode() for name in walk.names]
    texts = rendered(walk, found.values).to_pylist()
    read = [{} for _ in records]
    for owner, code, value in zip(found.owner, found.code, texts, strict=True):
        read[owner][names[code]] = value
    for wrote, got in zip(records, read, strict=True):
        assert list(got) == list(wrote)
        for name, value in wrote.items():
            if isinstance(value, float):
                assert np.array_equal(float(got[name]), value, equal_nan=True)
            elif isinstance(value, bool):
                assert got[name] == str(value).lower()
            else:
                assert got[name] == str(value)
    assert not walk.malformed.any()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_break_the_walk(payloads):
    """Whatever comes is walked or marked; nothing reaches past the end of its payload."""
    walk = Walk(payloads)
    level = walk.read(walk.root, [(2, LENGTH)], repeated=1)
    inside = level.repeated
    assert (inside.start <= inside.end).all()
    assert (inside.start >= walk.root.start[inside.owner]).all()
    assert (inside.end <= walk.root.end[inside.owner]).all()
    assert not np.isin(np.flatnonzero(walk.malformed), inside.owner).any()
    read_attributes(walk, inside, len(payloads))


def test_a_malformed_payload_leaves_its_neighbours_alone():
    """A cut length, a cut varint, an unknown wire type, field number 0, a cut fixed64."""
    good = b"\x08\x07"
    for bad in (b"\x0a\x05abc", b"\x08\x80", b"\x0b", b"\x00\x01", b"\x09\x00"):
        walk = Walk([good, b"\x08\x01" + bad, good])
        level = walk.read(walk.root, [(1, VARINT)])
        assert walk.malformed.tolist() == [False, True, False]
        assert level.bits(1).tolist() == [7, 0, 7]


def test_the_last_of_a_repeated_scalar_counts():
    """As protobuf says of fields that are not repeated; another wire type is another field."""
    walk = Walk([b"\x08\x01\x08\x02\x09" + bytes(8)])
    assert walk.read(walk.root, [(1, VARINT)]).bits(1).tolist() == [2]


def test_many_attributes_and_names_are_told_apart():
    """More entries than the first guess of their number, more names than a small table."""
    wrote = {f"name {n}": n for n in range(1_000)}
    walk = Walk([KeyValueList(values=key_values(wrote)).SerializeToString()])
    found = read_attributes(walk, walk.read(walk.root, repeated=1).repeated, 1)
    assert dict(zip(walk.names, rendered(walk, found.values).to_pylist(), strict=True)) == {
        name.encode(): str(n) for name, n in wrote.items()
    }

"""The columnar walk sees what protobuf's own parser sees."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import KeyValueList
from otlp_messages import key_values

from vigil.events.otlp.attributes import read_attributes
from vigil.events.otlp.wire import FIXED64, LENGTH, VARINT, Walk

scalars = st.one_of(
    st.text(max_size=20), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats()
)


@given(st.lists(st.dictionaries(st.text(max_size=8), scalars, max_size=5), max_size=5))
def test_attributes_read_as_they_were_written(records):
    """Any scalar of any record, whatever its neighbours."""
    payloads = [KeyValueList(values=key_values(record)).SerializeToString() for record in records]
    walk = Walk(payloads)
    found = read_attributes(walk, walk.scan(walk.root).children(1), len(records))
    read = [{} for _ in records]
    for owner, code, value in zip(found.owner, found.code, found.value.to_pylist(), strict=True):
        read[owner][found.names[code]] = value
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


@given(st.lists(st.binary(max_size=60), max_size=6))
def test_no_bytes_break_the_walk(payloads):
    """Whatever comes is walked or marked; no read goes past the end of its payload."""
    walk = Walk(payloads)
    fields = walk.scan(walk.root)
    inside = fields.wire == LENGTH
    ends = walk.root.end[fields.owner[inside]]
    assert (fields.value[inside] <= fields.end[inside]).all()
    assert (fields.end[inside] <= ends).all()
    assert not np.isin(np.flatnonzero(walk.malformed), fields.owner).any()


def test_a_malformed_payload_leaves_its_neighbours_alone():
    """A cut length, a cut varint, an unknown wire type and field number 0."""
    good = b"\x08\x07"
    for bad in (b"\x0a\x05abc", b"\x08\x80", b"\x0b", b"\x00\x01", b"\x09\x00"):
        walk = Walk([good, bad, good])
        fields = walk.scan(walk.root)
        assert walk.malformed.tolist() == [False, True, False]
        assert fields.bits(1, VARINT).tolist() == [7, 0, 7]


def test_the_last_of_a_repeated_scalar_counts():
    """As protobuf says of fields that are not repeated; another wire type is another field."""
    walk = Walk([b"\x08\x01\x08\x02\x09" + bytes(8)])
    fields = walk.scan(walk.root)
    assert fields.bits(1, VARINT).tolist() == [2]
    assert fields.has(1, FIXED64).tolist() == [True]
    assert len(fields.children(1)) == 0

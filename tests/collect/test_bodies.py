"""Compressed bodies: what was packed comes out, what is damaged or too much is refused."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigil.collect.receive.bodies import unpack
from vigil.collect.receive.limits import ReceiverLimits, Refused

LIMITS = ReceiverLimits(body_bytes=1 << 20, small_bytes=1 << 16)


def status_of(body: bytes, encoding: str) -> int:
    """With what a body is refused."""
    with pytest.raises(Refused) as refused:
        unpack(body, encoding, LIMITS)
    return refused.value.status


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3))
def test_members_of_gzip_are_one_body(parts):
    """Files that were appended to each other are one."""
    packed = b"".join(gzip.compress(part, mtime=0) for part in parts)
    assert unpack(packed, "gzip", LIMITS) == b"".join(parts)


@given(st.binary(max_size=300))
def test_deflate_has_zlibs_header(body):
    """As the standard of HTTP says."""
    assert unpack(zlib.compress(body), "deflate", LIMITS) == body


@given(st.binary(min_size=1, max_size=300), st.data())
def test_a_cut_body_is_refused(body, data):
    """Wherever it is cut."""
    packed = gzip.compress(body, mtime=0)
    size = data.draw(st.integers(0, len(packed) - 1))
    assert status_of(packed[:size], "gzip") == 400


@given(st.binary(min_size=30, max_size=300), st.data())
def test_a_damaged_checksum_is_refused(body, data):
    """The content itself may inflate well."""
    packed = bytearray(gzip.compress(body, mtime=0))
    packed[len(packed) - data.draw(st.integers(5, 8))] ^= 1 << data.draw(st.integers(0, 7))
    assert status_of(bytes(packed), "gzip") == 400


def test_a_bomb_is_refused_and_what_just_fits_is_not():
    """Small bodies may always become `small_bytes`, large ones a hundred times their size."""
    assert len(unpack(gzip.compress(bytes(1 << 16)), "gzip", LIMITS)) == 1 << 16
    assert status_of(gzip.compress(bytes((1 << 16) + 1)), "gzip") == 413
    assert status_of(gzip.compress(bytes(8 << 20)), "gzip") == 413
    assert status_of(b"", "br") == 415

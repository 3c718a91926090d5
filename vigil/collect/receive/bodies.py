"""Bodies of requests: read with a bound on size and time, unpacked with a bound on growth."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from zlib_ng import zlib_ng as zlib

from vigil.collect.receive.limits import Budget, ReceiverLimits, Refused

# zlib's window argument: 32 + 15 recognises gzip and zlib by their headers.
_ANY_ZLIB = 32 + zlib.MAX_WBITS
# Of a body that is refused for its size, this much more is read and thrown away.
DISCARDED_BYTES = 64 << 20
DISCARD_S = 2.0


async def read_body(
    chunks: AsyncIterator[bytes], announced_bytes: int, limits: ReceiverLimits, budget: Budget
) -> bytes:
    """The whole body, its size taken from the budget; `announced_bytes` is 0 where unknown.

    Raises Refused for a body that is too large or too slow, TryLater when memory is full. Nothing
    stays taken then.
    """
    if announced_bytes > limits.body_bytes:
        await _discard(chunks)
        raise Refused(413, f"a body may have {limits.body_bytes} bytes, got {announced_bytes}")
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            async for chunk in chunks:
                budget.take(len(chunk))
                size += len(chunk)
                if size > limits.body_bytes:
                    await _discard(chunks)
                    raise Refused(413, f"a body may have {limits.body_bytes} bytes, got more")
                pieces.append(chunk)
    except TimeoutError as error:
        budget.give(size)
        raise Refused(408, f"the body took longer than {limits.body_s:g} s") from error
    except BaseException:
        budget.give(size)
        raise
    return b"".join(pieces)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Read on for a moment: bytes left unread would break the connection before the answer."""
    left = DISCARDED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_S):
            async for chunk in chunks:
                left -= len(chunk)
                if left < 0:
                    return


def unpack(body: bytes, encoding: str, limits: ReceiverLimits) -> bytes:
    """The body without its content encoding; raises Refused for what is damaged or a bomb."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "deflate"):
        raise Refused(415, f"content-encoding must be gzip, deflate or identity, got {encoding!r}")
    most = min(limits.body_bytes, max(limits.small_bytes, limits.ratio * len(body)))
    unpacker = zlib.decompressobj(_ANY_ZLIB)
    try:
        found = unpacker.decompress(body, most + 1)
        whole = unpacker.eof
        # A gzip file may have several members, as appended ones have.
        while whole and unpacker.unused_data and len(found) <= most:
            unpacker, rest = zlib.decompressobj(_ANY_ZLIB), unpacker.unused_data
            found += unpacker.decompress(rest, most + 1 - len(found))
            whole = unpacker.eof
    except zlib.error as error:  # type: ignore[misc]  # its stubs call it an instance
        raise Refused(400, f"the body is not valid {encoding}: {error}") from error
    if len(found) > most:
        raise Refused(413, f"{len(body)} bytes of {encoding} may become {most} bytes, got more")
    if not whole:
        raise Refused(400, f"the body is not valid {encoding}: it is cut off")
    return found

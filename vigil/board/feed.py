"""Keeps the page's sections current and tells listeners which of them have changed.

A section's version is a hash of its content, so that a browser that comes back, to this server or
to its successor, is sent exactly what it lacks.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import anyio
import anyio.to_thread
import orjson

from vigil.errors import VigilError

log = logging.getLogger("vigil.board")

POLL_S = 1.0
RETRY_S = 5.0
PROBLEM = "problem"


class Reader(Protocol):
    """Where sections come from."""

    def stamp(self) -> tuple[Any, ...]:
        """Changes whenever the sections may have changed."""
        ...

    def sections(self) -> Mapping[str, Any]:
        """Name → content, ready for JSON."""
        ...


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page: its JSON and the version of its content."""

    version: str
    body: bytes


def encode(content: Any) -> Section:
    """JSON with instants as ISO 8601, and its version."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC)
    return Section(hashlib.blake2b(body, digest_size=6).hexdigest(), body)


class Feed:
    """Run `keep_current` as a task; `sections` holds the newest, `changes` waits for news.

    Section `problem` is null while the stores answer, else the sentence that says what is wrong;
    the other sections then stay as they were.
    """

    def __init__(self, reader: Reader, poll_s: float = POLL_S, retry_s: float = RETRY_S) -> None:
        self.sections: dict[str, Section] = {PROBLEM: encode(None)}
        self._reader = reader
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._stamp: tuple[Any, ...] | None = None
        self._news = anyio.Event()

    async def keep_current(self) -> None:
        """Poll until cancelled."""
        while True:
            try:
                await self.refresh()
            except VigilError as error:
                log.warning("%s; trying again in %.0f s", error, self._retry_s)
                self._stamp = None
                self._publish({PROBLEM: str(error)})
                await anyio.sleep(self._retry_s)
            else:
                await anyio.sleep(self._poll_s)

    async def refresh(self) -> None:
        """Read the sections again when something has happened."""
        stamp = await anyio.to_thread.run_sync(self._reader.stamp)
        if stamp == self._stamp:
            return
        self._publish({**await anyio.to_thread.run_sync(self._reader.sections), PROBLEM: None})
        self._stamp = stamp

    def _publish(self, contents: Mapping[str, Any]) -> None:
        fresh = {name: encode(content) for name, content in contents.items()}
        if any(self.sections.get(name) != section for name, section in fresh.items()):
            self.sections |= fresh
            news, self._news = self._news, anyio.Event()
            news.set()

    async def changes(self, known: Mapping[str, str]) -> AsyncIterator[tuple[str, Section]]:
        """(name, section) of all that differs from `known` (name → version), then each change."""
        known = dict(known)
        while True:
            news = self._news
            for name, section in list(self.sections.items()):
                if known.get(name) != section.version:
                    known[name] = section.version
                    yield name, section
            await news.wait()

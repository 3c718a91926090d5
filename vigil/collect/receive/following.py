"""Access logs that grow, into the same group commit as what is sent."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.limits import TryLater
from vigil.collect.tail import Follower, Positions
from vigil.events.access_logs import AccessLog, access_log_type
from vigil.events.schema import TOPIC_EVENTS

log = logging.getLogger("vigil.collect")

POLL_S = 0.25


@dataclass(frozen=True, slots=True)
class Tail:
    """A file to follow, what its lines look like, and whether to read what is there already."""

    path: Path
    access_log: AccessLog
    from_start: bool = False


async def follow(tail: Tail, commit: GroupCommit, positions: Positions) -> None:
    """Store new lines until cancelled; the position moves once they are durable, so a crash
    between the two stores some lines twice and none never.
    """
    content_type = access_log_type(tail.access_log)
    follower = Follower(tail.path, positions.of(tail.path), tail.from_start)
    log.info("following %s as %s", tail.path, tail.access_log.format.name)
    try:
        while True:
            lines = await asyncio.to_thread(follower.read)
            if not lines:
                await asyncio.sleep(POLL_S)
                continue
            await _store(commit, content_type, lines)
            await asyncio.to_thread(positions.save, tail.path, follower.position)
    finally:
        follower.close()


async def _store(commit: GroupCommit, content_type: str, lines: bytes) -> None:
    while True:
        try:
            await commit.store(TOPIC_EVENTS, content_type, lines, None)
        except TryLater as later:
            log.warning("%s", later)
            await asyncio.sleep(later.after_s)
        else:
            return

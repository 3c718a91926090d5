"""Pages of Prometheus targets, fetched at an interval, into the group commit."""

import asyncio
import logging
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from vigil.collect.metrics.points import Point, as_ndjson
from vigil.collect.metrics.prometheus import OPENMETRICS, exposition_points
from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.limits import TryLater
from vigil.errors import InputError
from vigil.events.content import NDJSON
from vigil.events.schema import TOPIC_METRICS

log = logging.getLogger("vigil.collect")

ACCEPT = f"{OPENMETRICS};version=1.0.0,text/plain;version=0.0.4;q=0.5"
LARGEST_PAGE_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Target:
    """A page, how often it is fetched, and the name of its service where the page has none."""

    url: str
    interval_s: float = 15.0
    job: str = ""

    @property
    def identity(self) -> dict[str, str]:
        """Labels of every point: the job, by default the host."""
        return {"job": self.job or str(urlsplit(self.url).hostname)}


async def keep_scraping(target: Target, commit: GroupCommit) -> None:
    """Fetch and store until cancelled; `up` is 1 or 0 each time. A page that cannot be stored
    when it is fetched is let go: the next one carries the same totals.
    """
    async with httpx.AsyncClient(timeout=min(10.0, target.interval_s)) as client:
        while True:
            began = time.monotonic()
            try:
                lines = as_ndjson(await scrape(target, client))
                await commit.store(TOPIC_METRICS, NDJSON, lines, None)
            except TryLater as later:
                log.warning("%s is let go: %s", target.url, later)
            await asyncio.sleep(max(0.0, target.interval_s - (time.monotonic() - began)))


async def scrape(target: Target, client: httpx.AsyncClient) -> list[Point]:
    """The points of the page now, and whether it was up."""
    now_us = time.time_ns() // 1_000
    points: list[Point] = []
    try:
        content, content_type = await _fetch(target.url, client)
        text = content.decode("utf-8", "replace")
        points = await asyncio.to_thread(
            exposition_points, text, content_type, now_us, target.identity
        )
    except (httpx.HTTPError, httpx.InvalidURL, InputError) as error:
        log.warning("%s: %s", target.url, error or type(error).__name__)
    up = Point("up", {}, now_us, float(bool(points)), identity=target.identity)
    return [*points, up]


async def _fetch(url: str, client: httpx.AsyncClient) -> tuple[bytes, str]:
    async with client.stream("GET", url, headers={"accept": ACCEPT}) as answer:
        answer.raise_for_status()
        pieces, size = [], 0
        async for piece in answer.aiter_bytes():
            size += len(piece)
            if size > LARGEST_PAGE_BYTES:
                raise InputError(f"a page may have {LARGEST_PAGE_BYTES} bytes, got more")
            pieces.append(piece)
    return b"".join(pieces), answer.headers.get("content-type", "")

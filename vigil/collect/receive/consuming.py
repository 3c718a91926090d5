"""Topics that others fill, through the same group commit as what is sent.

The scorer reads OTLP spans and logs from its own topics; metrics need what only the receiver has:
the last total of each counter. By this way all three get routes, limits and redaction before they
are stored.
"""

import asyncio
import logging
from dataclasses import dataclass

from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.intake import readable_form
from vigil.collect.receive.limits import TryLater
from vigil.errors import InputError, LogError
from vigil.events.content import CONTENT_TYPE, form_of
from vigil.events.schema import TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores.log import EventLog, StoredMessage

log = logging.getLogger("vigil.collect")

SIGNALS = {"traces": TOPIC_EVENTS, "logs": TOPIC_LOGS, "metrics": TOPIC_METRICS}
GROUP = "vigil-collect"
POLL_S = 0.25
LOG_DOWN_S = 5.0
MESSAGES_AT_ONCE = 200
_BYTES_AT_ONCE = 8 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A topic, and the signal whose messages it holds: one of SIGNALS."""

    topic: str
    signal: str

    @classmethod
    def parse(cls, text: str) -> "Source":
        """From `SIGNAL=TOPIC`; raises InputError."""
        signal, _, topic = text.partition("=")
        if signal not in SIGNALS or not topic:
            raise InputError(f"must be {'|'.join(SIGNALS)}=TOPIC, got {text!r}")
        if topic == SIGNALS[signal]:
            raise InputError(f"{topic} is where the collector writes {signal}: take another topic")
        return cls(topic, signal)


async def consume(source: Source, event_log: EventLog, commit: GroupCommit) -> None:
    """Store a topic's messages until cancelled, from the oldest on.

    The group's position moves once they are durable: a crash between the two stores some of them
    twice and none never. `event_log` is read by nobody else.
    """
    log.info("reading %s from topic %s", source.signal, source.topic)
    positions: dict[int, int] | None = None
    while True:
        try:
            if positions is None:
                positions = await asyncio.to_thread(event_log.committed, GROUP, source.topic)
            taken = await _take(source, event_log, commit, positions)
        except (LogError, TryLater) as error:
            log.warning("%s; topic %s is read again in %g s", error, source.topic, LOG_DOWN_S)
            await asyncio.sleep(LOG_DOWN_S)
            continue
        if not taken:
            await asyncio.sleep(POLL_S)


async def _take(
    source: Source, event_log: EventLog, commit: GroupCommit, positions: dict[int, int]
) -> int:
    """One batch of each partition; returns how many messages."""
    taken = 0
    for partition in range(await asyncio.to_thread(event_log.partitions, source.topic)):
        offset = positions.get(partition, 0)
        messages = await asyncio.to_thread(
            event_log.read, source.topic, partition, offset, MESSAGES_AT_ONCE, _BYTES_AT_ONCE
        )
        if not messages:
            continue
        # One after the other, so that totals stay in order; then all into one group.
        readable = [await _readable(source, message) for message in messages]
        topic = SIGNALS[source.signal]
        await asyncio.gather(*(commit.store(topic, *form, None) for form in readable))
        positions[partition] = messages[-1].offset + 1
        news = {partition: positions[partition]}
        await asyncio.to_thread(event_log.commit, GROUP, source.topic, news)
        taken += len(messages)
    return taken


async def _readable(source: Source, stored: StoredMessage) -> tuple[str, bytes]:
    """(content type, body) of a message; what is no export request becomes a dead letter later."""
    value, content_type = stored.message.value, stored.message.headers.get(CONTENT_TYPE, "")
    form = form_of(content_type, value) or content_type
    try:
        return await readable_form(SIGNALS[source.signal], form, value)
    except InputError as error:
        log.warning("topic %s, offset %d: %s", source.topic, stored.offset, error)
        return form, value

"""An event log in memory, for tests and notebooks: gone with the process."""

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from vigil.errors import LogError
from vigil.stores.log import Message, MessageBatch, StoredMessage


class MemoryLog:
    """An `EventLog` of lists."""

    def __init__(self) -> None:
        self._topics: dict[str, list[list[StoredMessage]]] = {}
        self._turns: dict[str, int] = defaultdict(int)
        self._commits: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """See `EventLog`."""
        self._topics.setdefault(topic, [[] for _ in range(partitions)])

    def partitions(self, topic: str) -> int:
        """See `EventLog`."""
        return len(self._topics.get(topic, []))

    def append(self, topic: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """See `EventLog`."""
        self.create_topic(topic)
        partitions, places = self._topics[topic], []
        for message in messages:
            if message.key is None:
                number, self._turns[topic] = self._turns[topic], self._turns[topic] + 1
            else:
                number = zlib.crc32(message.key)
            partition = number % len(partitions)
            offset = len(partitions[partition])
            partitions[partition].append(
                StoredMessage(topic, partition, offset, datetime.now(UTC), message)
            )
            places.append((partition, offset))
        return places

    def read(
        self, topic: str, partition: int, offset: int, max_messages: int, max_bytes: int = 64 << 20
    ) -> MessageBatch:
        """See `EventLog`."""
        partitions = self._topics.get(topic, [])
        if partition >= len(partitions):
            return MessageBatch.of([])
        found: list[StoredMessage] = []
        size = 0
        for stored in partitions[partition][offset : offset + max_messages]:
            size += len(stored.message.value)
            if found and size > max_bytes:
                break
            found.append(stored)
        return MessageBatch.of(found)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        return {number: len(part) for number, part in enumerate(self._topics.get(topic, []))}

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """See `EventLog`."""
        known = self._commits[group, topic]
        for partition, offset in offsets.items():
            if offset < known.get(partition, 0):
                raise LogError(
                    f"offset of {group} must not go back, got {offset} after {known[partition]}"
                    f" (topic {topic}, partition {partition})"
                )
        known.update(offsets)

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """See `EventLog`."""
        return dict(self._commits[group, topic])

    def close(self) -> None:
        """Nothing to release."""

"""The event log: ordered, durable messages in topics and partitions, as in Kafka.

`open_log` chooses the implementation by URL; all meet one contract suite
(`tests/stores/test_event_log.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a producer hands over: a batch of records, encoded as its content type says.

    See `vigil.events.content` for the header's name and values.
    """

    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    key: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message with its place in the log."""

    topic: str
    partition: int
    offset: int
    appended_at: datetime
    message: Message


class EventLog(Protocol):
    """Append and read; a reader keeps its own position, or commits it for its group.

    All methods raise LogError when the log cannot be reached.
    """

    def create_topic(self, topic: str, partitions: int = 1) -> None:
        """Make the topic if it is missing; an existing one keeps its partitions."""
        ...

    def partitions(self, topic: str) -> int:
        """Number of partitions, 0 for an unknown topic."""
        ...

    def append(self, topic: str, messages: Sequence[Message]) -> list[tuple[int, int]]:
        """Append and make durable; returns (partition, offset) of each message, in order.

        A key picks the partition; without one messages go round robin. Creates the topic.
        """
        ...

    def read(
        self, topic: str, partition: int, offset: int, max_messages: int, max_bytes: int = 64 << 20
    ) -> list[StoredMessage]:
        """Messages from `offset` on, oldest first; at least one where there is any."""
        ...

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Partition → offset that the next message will get."""
        ...

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Keep the group's next offsets; one that goes backwards raises LogError."""
        ...

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Partition → next offset of the group; empty where it never committed."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...


def lag_messages(
    event_log: EventLog, offsets: Mapping[str, Mapping[int, int]], topics: Sequence[str]
) -> dict[tuple[str, int], int]:
    """(topic, partition) → messages that a consumer at `offsets` has not read yet."""
    return {
        (topic, partition): max(0, end - offsets.get(topic, {}).get(partition, 0))
        for topic in topics
        for partition, end in event_log.end_offsets(topic).items()
    }

"""The event log: ordered, durable messages in topics and partitions, as in Kafka.

`open_log` chooses the implementation by URL; all meet one contract suite
(`tests/stores/test_event_log.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, overload

from vigil.events.content import CONTENT_TYPE


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


class MessageBatch(Sequence[StoredMessage]):
    """Messages of one partition, oldest first, in columns of equal length.

    At a hundred thousand messages a second an object for each is what takes the time: whoever
    needs one asks for it by its number, and `row` makes it then.
    """

    def __init__(
        self,
        values: Sequence[bytes],
        content_types: Sequence[str],
        offsets: Sequence[int],
        row: Callable[[int], StoredMessage],
    ) -> None:
        self.values = values
        self.content_types = content_types
        self.offsets = offsets
        self._row = row

    @classmethod
    def of(cls, messages: Sequence[StoredMessage]) -> "MessageBatch":
        """Single messages in columns; a batch is returned as it is."""
        if isinstance(messages, MessageBatch):
            return messages
        return cls(
            values=[stored.message.value for stored in messages],
            content_types=[stored.message.headers.get(CONTENT_TYPE, "") for stored in messages],
            offsets=[stored.offset for stored in messages],
            row=messages.__getitem__,
        )

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, at: int) -> StoredMessage: ...
    @overload
    def __getitem__(self, at: slice) -> list[StoredMessage]: ...
    def __getitem__(self, at: int | slice) -> StoredMessage | list[StoredMessage]:
        if isinstance(at, slice):
            return [self._row(number) for number in range(*at.indices(len(self)))]
        return self._row(range(len(self))[at])


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
    ) -> MessageBatch:
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

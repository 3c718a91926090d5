"""Dead letters as they lie in the log: each once, counted by reason, found by id."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from vigil.events.dead_letters import RAW_CHARACTERS
from vigil.events.schema import TOPIC_DEAD_LETTERS
from vigil.stores.log import EventLog, StoredMessage

_MESSAGES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that could not be used, and why."""

    id: str
    place: str
    line: int
    field: str
    rule: str
    value: str
    raw: str

    @property
    def is_whole(self) -> bool:
        """Whether `raw` is all of the record."""
        return len(self.raw) < RAW_CHARACTERS


def messages_of(
    event_log: EventLog, topic: str, begin: dict[int, int] | None = None
) -> Iterator[StoredMessage]:
    """All messages of a topic that are there now, partition by partition, from `begin` on."""
    for partition, end in sorted(event_log.end_offsets(topic).items()):
        offset = (begin or {}).get(partition, 0)
        while offset < end:
            found = event_log.read(topic, partition, offset, _MESSAGES_AT_ONCE)
            if not found:
                break
            yield from found
            offset = found[-1].offset + 1


def read_letters(event_log: EventLog) -> Iterator[Letter]:
    """Every dead letter once: a crash may have written one twice, under the same id."""
    seen: set[str] = set()
    for stored in messages_of(event_log, TOPIC_DEAD_LETTERS):
        for line in stored.message.value.split(b"\n"):
            row = orjson.loads(line)
            if row["id"] not in seen:
                seen.add(row["id"])
                yield Letter(**{name: row[name] for name in Letter.__slots__})


def count_reasons(letters: Iterator[Letter]) -> list[tuple[str, str, int, str]]:
    """(field, rule, letters, id of one of them), the most frequent first."""
    counts: Counter[tuple[str, str]] = Counter()
    example: dict[tuple[str, str], str] = {}
    for letter in letters:
        reason = (letter.field, letter.rule)
        counts[reason] += 1
        example.setdefault(reason, letter.id)
    return [(*reason, number, example[reason]) for reason, number in counts.most_common()]

"""Dead letters mended and sent again, each exactly once.

A batch is first written down whole (its intent), then appended as one message that carries the
batch's name, then marked as done. After a crash the next replay finishes what was intended: it
looks for the message in the topic, behind where the topic ended at the time, and appends it only if
it is not there. One replay runs at a time: the caller holds a lease.
"""

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import orjson

from vigil.collect.dead_letters import Letter, messages_of, read_letters
from vigil.errors import InputError
from vigil.events.access_logs import AccessLog, access_log_type
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import SCHEMA_OF_TOPIC, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores.arrow_messages import arrow_messages
from vigil.stores.log import EventLog, Message

TOPIC_REPLAYS = "vigil.replays"
BATCH = "replay"
LETTERS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Mending:
    """How a record is mended: fields renamed, then multiplied, then set; values as JSON."""

    rename: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    set: Mapping[str, Any] = field(default_factory=dict)
    access_log: AccessLog | None = None

    def apply(self, record: dict[str, Any]) -> dict[str, Any]:
        """The mended record; raises InputError for a field that is no number."""
        mended = {self.rename.get(name, name): value for name, value in record.items()}
        for name, factor in self.scale.items():
            if name in mended:
                try:
                    mended[name] = float(mended[name]) * factor
                except (TypeError, ValueError) as error:
                    raise InputError(f"{name} must be a number, got {mended[name]!r}") from error
        return mended | dict(self.set)


@dataclass(slots=True)
class ReplayCounts:
    """replayed + still_dead + unreadable = letters chosen; `before`: replayed earlier."""

    replayed: int = 0
    still_dead: int = 0
    unreadable: int = 0
    before: int = 0
    finished_intents: int = 0
    reasons: list[str] = field(default_factory=list)


def replay(
    event_log: EventLog,
    mending: Mending,
    limits: Limits,
    chosen: Callable[[Letter], bool] = lambda letter: True,
    dry_run: bool = False,
) -> ReplayCounts:
    """Send the chosen letters again, mended; those that still break a rule stay where they are."""
    counts = ReplayCounts()
    done = set() if dry_run else _finish_intents(event_log, counts)
    if dry_run:
        done = {letter_id for intent in _intents(event_log)[0] for letter_id in intent["ids"]}
    letters = (letter for letter in read_letters(event_log) if chosen(letter))
    while batch := list(islice(letters, LETTERS_AT_ONCE)):
        fresh = [letter for letter in batch if letter.id not in done]
        counts.before += len(batch) - len(fresh)
        for topic, members in _by_topic(fresh, mending, counts).items():
            _replay_batch(event_log, topic, members, limits, counts, dry_run)
    return counts


def _by_topic(
    letters: Iterable[Letter], mending: Mending, counts: ReplayCounts
) -> dict[tuple[str, str], list[tuple[Letter, bytes]]]:
    """Mended records by (topic, content type)."""
    found: dict[tuple[str, str], list[tuple[Letter, bytes]]] = {}
    for letter in letters:
        try:
            if not letter.is_whole:
                raise InputError("only its first 2,000 characters were kept")
            if mending.access_log is not None:
                place = (TOPIC_EVENTS, access_log_type(mending.access_log))
                record = letter.raw.encode()
            else:
                fields = mending.apply(_fields(letter))
                place, record = (_topic_of(fields), NDJSON), orjson.dumps(fields)
        except InputError as error:
            counts.unreadable += 1
            _note(counts, letter, str(error))
        else:
            found.setdefault(place, []).append((letter, record))
    return found


def _fields(letter: Letter) -> dict[str, Any]:
    try:
        found = orjson.loads(letter.raw)
    except orjson.JSONDecodeError as error:
        raise InputError("it is no JSON: say --format for lines of an access log") from error
    if not isinstance(found, dict):
        raise InputError("it is no JSON object")
    return found


def _topic_of(fields: Mapping[str, Any]) -> str:
    if "metric" in fields:
        return TOPIC_METRICS
    return TOPIC_LOGS if "body" in fields and "duration_ms" not in fields else TOPIC_EVENTS


def _note(counts: ReplayCounts, letter: Letter, reason: str) -> None:
    if len(counts.reasons) < 10:
        counts.reasons.append(f"{letter.id}: {reason}")


def _replay_batch(
    event_log: EventLog,
    place: tuple[str, str],
    members: Sequence[tuple[Letter, bytes]],
    limits: Limits,
    counts: ReplayCounts,
    dry_run: bool,
) -> None:
    topic, content_type = place
    payloads = [Payload(content_type, record, letter.id) for letter, record in members]
    decoded = decode(payloads, SCHEMA_OF_TOPIC[topic], datetime.now(UTC), limits)
    good = sorted(set(decoded.source.tolist()))
    for row in decoded.dead.iter_rows(named=True):
        letter = members[row["payload"]][0]
        _note(counts, letter, f"still {row['field']} {row['rule']}, got {row['value']}")
    counts.replayed += len(good)
    counts.still_dead += len(members) - len(good)
    if not good or dry_run:
        return
    table = decoded.records.to_arrow().cast(SCHEMA_OF_TOPIC[topic])
    [message] = arrow_messages(table, rows=table.num_rows)
    intent = {
        "batch": secrets.token_hex(8),
        "topic": topic,
        "content_type": message.headers[CONTENT_TYPE],
        "ends": {str(part): end for part, end in event_log.end_offsets(topic).items()},
        "ids": [members[number][0].id for number in good],
        "records": message.value.hex(),
    }
    # 1. What is to be done. 2. It is done. 3. That it is done.
    event_log.append(TOPIC_REPLAYS, [Message(orjson.dumps(intent))])
    _append(event_log, intent)
    _mark_done(event_log, intent)


def _append(event_log: EventLog, intent: Mapping[str, Any]) -> None:
    headers = {CONTENT_TYPE: intent["content_type"], BATCH: intent["batch"]}
    event_log.append(intent["topic"], [Message(bytes.fromhex(intent["records"]), headers)])


def _mark_done(event_log: EventLog, intent: Mapping[str, Any]) -> None:
    event_log.append(TOPIC_REPLAYS, [Message(orjson.dumps({"done": intent["batch"]}))])


def _intents(event_log: EventLog) -> tuple[list[dict[str, Any]], set[str]]:
    """(all intents, names of the batches that are done)."""
    intents, done = [], set()
    for stored in messages_of(event_log, TOPIC_REPLAYS):
        document = orjson.loads(stored.message.value)
        if "done" in document:
            done.add(document["done"])
        else:
            intents.append(document)
    return intents, done


def _finish_intents(event_log: EventLog, counts: ReplayCounts) -> set[str]:
    """Finish what a crash interrupted; ids of all letters replayed so far."""
    intents, done = _intents(event_log)
    for intent in intents:
        if intent["batch"] in done:
            continue
        begin = {int(part): end for part, end in intent["ends"].items()}
        later = messages_of(event_log, intent["topic"], begin)
        if not any(stored.message.headers.get(BATCH) == intent["batch"] for stored in later):
            _append(event_log, intent)
        _mark_done(event_log, intent)
        counts.finished_intents += 1
    return {letter_id for intent in intents for letter_id in intent["ids"]}

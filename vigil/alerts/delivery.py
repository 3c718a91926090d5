"""From committed alerts to people: decide, keep, send, try again.

At least once, under an id that stays the same: an alert is decided on and its messages are kept in
one transaction, and a message is done only after its channel took it. A channel that refuses is
asked again after a pause that doubles, with jitter. When it is given up, the fallback channels get
the message; what nobody takes becomes a dead letter.
"""

import logging
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from vigil.alerts.cases import Case, Silencing
from vigil.alerts.channels import KINDS, Channel, ChannelError, Note
from vigil.alerts.channels.terminal import Terminal
from vigil.alerts.context import Context
from vigil.alerts.dispatcher import Decided, Dispatcher
from vigil.alerts.localiser import Localiser
from vigil.alerts.policy.schema import Policy
from vigil.stores.alerting import DEAD, FAILED, AlertStore, Waiting

log = logging.getLogger("vigil.alerts")

CHANNELS_AT_ONCE = 8
# Refusals in a row after which a channel counts as dead, and pages go to the fallback at once.
DEAD_AFTER = 4
FALLBACK = "/instead-of-"

Bury = Callable[[Waiting, str], None]


def open_channels(policy: Policy, show: Callable[[str], None] | None) -> dict[str, Channel]:
    """The policy's channels by name; `show` prints what goes to a terminal, None keeps quiet."""
    channels: dict[str, Channel] = {}
    for name, settings in policy.channels.items():
        kind = KINDS[settings["kind"]]
        if settings["kind"] == "terminal":
            channels[name] = Terminal(show or log.debug)
            continue
        values = {key: value for key, value in settings.items() if key != "kind"}
        channels[name] = kind.open(kind.settings.model_validate(values))
    return channels


class Outbox:
    """Decides on new alerts and delivers what is due; one process at a time."""

    def __init__(
        self,
        engine: sa.Engine,
        policy: Policy,
        channels: Mapping[str, Channel],
        bury: Bury = lambda waiting, error: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        seed: int | None = None,
        localiser: Localiser | None = None,
    ) -> None:
        self._engine = engine
        self._policy = policy
        self._channels = channels
        self._bury = bury
        self._clock = clock
        self._context = Context(engine, policy.links)
        self._random = random.Random(seed)
        self._localiser = localiser
        self._refusals = dict.fromkeys(channels, 0)
        self._dispatcher: Dispatcher | None = None
        self._next: tuple[Policy, Mapping[str, Channel]] | None = None

    def use(self, policy: Policy, channels: Mapping[str, Channel]) -> None:
        """Decide by this policy and send by these channels from the next round on.

        May be called while another thread delivers. What waits for a channel that is gone is
        given up, and goes to the fallback.
        """
        self._next = policy, channels

    def _follow(self) -> None:
        if self._next is None:
            return
        (policy, channels), self._next = self._next, None
        self._policy, self._channels = policy, channels
        self._context = Context(self._engine, policy.links)
        self._refusals = dict.fromkeys(channels, 0)
        # Open cases and limits are read from their tables again, under the new policy.
        self._dispatcher = None

    def deliver(self) -> int:
        """One round; returns how much was decided on or sent."""
        self._follow()
        self._localise()
        return self._decide() + self._send()

    def _localise(self) -> None:
        """Find out where new incidents come from, so that the messages can say it."""
        if self._localiser is None:
            return
        with self._engine.connect() as connection:
            alerts = AlertStore(connection).undispatched()
        found = self._localiser.causes_of(alerts)
        if found:
            with self._engine.begin() as connection:
                AlertStore(connection).put_localisations(found)

    def _decide(self) -> int:
        now_at = self._clock()
        try:
            with self._engine.begin() as connection:
                store = AlertStore(connection)
                dispatcher = self._restored(store)
                dispatcher.silences = [Silencing(**row) for row in store.silences(now_at)]
                alerts = store.undispatched()
                decided = [dispatcher.take(alert, now_at) for alert in alerts]
                decided += self._acknowledged(store, dispatcher, now_at)
                decided.append(dispatcher.tick(now_at))
                self._keep(store, dispatcher, decided, now_at)
                store.mark_dispatched([alert["alert_id"] for alert in alerts], now_at)
                dispatcher.forget()
        except BaseException:
            # What is in memory is ahead of the tables: read them again.
            self._dispatcher = None
            raise
        return len(alerts) + sum(len(item.messages) for item in decided)

    def _restored(self, store: AlertStore) -> Dispatcher:
        if self._dispatcher is None:
            dispatcher = Dispatcher(self._policy)
            cases = [Case.from_state(state) for state in store.open_cases()]
            dispatcher.cases = {case.incident_id: case for case in cases}
            limits = store.limits()
            if limits is not None:
                dispatcher.limiter.restore(limits)
            self._dispatcher = dispatcher
        return self._dispatcher

    def _acknowledged(
        self, store: AlertStore, dispatcher: Dispatcher, now_at: datetime
    ) -> list[Decided]:
        found = store.acknowledgements(dispatcher.cases)
        return [
            dispatcher.acknowledge(number, author, at, now_at)
            for number, (author, at) in found.items()
        ]

    def _keep(
        self,
        store: AlertStore,
        dispatcher: Dispatcher,
        decided: Sequence[Decided],
        now_at: datetime,
    ) -> None:
        messages = [message for item in decided for message in item.messages]
        touched = {number for item in decided for number in item.touched}
        entries = [entry for item in decided for entry in item.log]
        completed = self._complete(store, (message.document for message in messages))
        store.add_notifications(
            [
                (message.notification_id, message.channel, {**message.document, **extra})
                for message, extra in zip(messages, completed, strict=True)
            ],
            now_at,
        )
        store.append_log((e.incident_id, e.at, e.kind, e.words) for e in entries)
        store.put_cases(dispatcher.cases[number].to_state() for number in sorted(touched))
        if messages:
            store.put_limits(dispatcher.limiter.state())

    def _complete(
        self, store: AlertStore, documents: Iterable[Mapping[str, object]]
    ) -> list[dict[str, object]]:
        """What the database adds to each, asked once an alert."""
        known: dict[object, dict[str, object]] = {}
        added = []
        for document in documents:
            number = document["alert_id"]
            if number not in known:
                full = {} if document["action"] == "digest" else document
                complete = self._context.complete(full, store) if full else {}
                names = ("cause", "recent", "similar", "links")
                known[number] = {name: complete[name] for name in names if name in complete}
            added.append(known[number])
        return added

    def _send(self) -> int:
        with self._engine.connect() as connection:
            due = AlertStore(connection).due_notifications(self._clock())
        queues: dict[str, list[Waiting]] = {}
        for waiting in due:
            queues.setdefault(waiting.channel, []).append(waiting)
        if not queues:
            return 0
        # A slow channel does not hold up the others.
        with ThreadPoolExecutor(min(len(queues), CHANNELS_AT_ONCE)) as pool:
            return sum(pool.map(self._empty, queues.values()))

    def _empty(self, queue: Sequence[Waiting]) -> int:
        """Send one channel's messages in order until it refuses; returns those taken."""
        for count, waiting in enumerate(queue):
            channel = self._channels.get(waiting.channel)
            try:
                if channel is None:
                    raise ChannelError("the policy has no such channel any more", passing=False)
                channel.send(Note(waiting.notification_id, waiting.document))
            except ChannelError as error:
                self._refused(waiting, error)
                if error.passing:
                    return count
                continue
            self._refusals[waiting.channel] = 0
            with self._engine.begin() as connection:
                AlertStore(connection).mark_sent(waiting, self._clock())
        return len(queue)

    def _refused(self, waiting: Waiting, error: ChannelError) -> None:
        refusals = self._refusals[waiting.channel] = self._refusals.get(waiting.channel, 0) + 1
        given_up = not error.passing or waiting.attempts + 1 >= self._policy.delivery.attempts
        fallbacks = [
            name
            for name in self._policy.delivery.fallback
            if name != waiting.channel and FALLBACK not in waiting.notification_id
        ]
        due_at = self._clock() + self._pause(waiting.attempts, error.retry_after_s)
        status = "waiting"
        if given_up:
            status = FAILED if fallbacks else DEAD
        with self._engine.begin() as connection:
            store = AlertStore(connection)
            store.mark_refused(waiting.notification_id, str(error), due_at, status)
            if given_up or refusals >= DEAD_AFTER:
                store.add_notifications(
                    [
                        (
                            f"{waiting.notification_id}{FALLBACK}{name}",
                            name,
                            waiting.document,
                        )
                        for name in fallbacks
                    ],
                    self._clock(),
                )
        level = logging.ERROR if status == DEAD else logging.WARNING
        log.log(level, "%s to %s: %s", waiting.notification_id, waiting.channel, error)
        if status == DEAD:
            self._bury(waiting, str(error))

    def _pause(self, attempts: int, asked_s: float) -> timedelta:
        """Full jitter over a doubling range, so that not all come back at once."""
        delivery = self._policy.delivery
        longest = min(delivery.last_retry_s, delivery.first_retry_s * 2**attempts)
        return timedelta(seconds=max(asked_s, self._random.uniform(longest / 2, longest)))

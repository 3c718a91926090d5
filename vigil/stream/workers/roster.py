"""Which worker reads which partition, and what each has done, by what they hand over.

Only those that hand over are heard of: a worker without a partition is not among them.
"""

from collections.abc import Iterable
from datetime import datetime

from vigil.stores.checkpoint import Offsets
from vigil.stores.kafka_clients import Place
from vigil.stores.log import EventLog, lag_messages
from vigil.stores.stream_health import WorkerSample
from vigil.stream.workers.partials import FOLDED, GROUP, TOPIC_PARTIALS, Account


class Roster:
    """The last hand-over of each partition; one that nobody reads any more stays with its last
    reader, who is not heard of again.
    """

    def __init__(self) -> None:
        self._readers: dict[Place, str] = {}
        self._accounts: dict[str, tuple[Account, datetime]] = {}

    def note(self, account: Account, places: Iterable[Place], heard_at: datetime) -> None:
        """The worker has handed over what it read of these."""
        self._accounts[account.worker] = account, heard_at
        self._readers = self._readers | dict.fromkeys(places, account.worker)
        # A worker that begins anew has another name: those without a partition are forgotten.
        self._accounts = {name: self._accounts[name] for name in set(self._readers.values())}

    def workers(self) -> dict[str, WorkerSample]:
        """By name."""
        return {
            name: WorkerSample(
                accepted=account.accepted,
                dead=account.dead,
                cpu_s=account.cpu_s,
                heard_at=heard_at,
                partitions=[
                    f"{topic}/{partition}"
                    for (topic, partition), reader in sorted(self._readers.items())
                    if reader == name
                ],
            )
            for name, (account, heard_at) in sorted(self._accounts.items())
        }


def not_handed_over(event_log: EventLog, gathered: Offsets) -> dict[Place, int]:
    """(topic, partition) → messages that no worker has handed over yet, to a scorer whose
    checkpoint is at `gathered`; empty where it has no workers.
    """
    if TOPIC_PARTIALS not in gathered:
        return {}
    handed = {
        topic: gathered.get(topic, {}) | event_log.committed(GROUP, topic) for topic in FOLDED
    }
    return lag_messages(event_log, handed, FOLDED)

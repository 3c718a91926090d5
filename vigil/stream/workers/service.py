"""A worker by the settings, through outages of its log and database."""

from collections.abc import Callable
from threading import Event

from vigil.config import Settings
from vigil.stores.checkpoint import CheckpointStore, Offsets
from vigil.stores.database import open_database
from vigil.stores.kafka_address import parse_address
from vigil.stream.outages import through_outages
from vigil.stream.workers.partials import TOPIC_PARTIALS
from vigil.stream.workers.worker import Worker
from vigil.windows.tumbling import WindowSpec

WAIT_S = 0.2


def keep_working(
    settings: Settings, consumer: str, stop: Event, drain: bool = False
) -> dict[str, int]:
    """Run a worker for the scorer of this name until asked to stop.

    Returns the counters of its last life. Raises ConfigError where the log is not Kafka's, and
    DependencyError for what is down at the very start, or while draining.
    """
    parse_address(settings.log_url)
    spec = WindowSpec(settings.window_s, settings.out_of_order_s, settings.lateness_s)
    limits = settings.limits

    def live(is_up: Callable[[], None]) -> dict[str, int]:
        starts = _starts(settings, consumer, stop)
        is_up()
        worker = Worker(settings.log_url, spec, limits, starts)
        worker.run(stop, drain)
        return worker.counters

    return through_outages(live, stop, drain) or {}


def _starts(settings: Settings, consumer: str, stop: Event) -> Offsets:
    """Where workers begin: where the scorer stood when it began to gather. Waits for it."""
    database = open_database(settings)
    try:
        checkpoints = CheckpointStore(database, consumer)
        while not stop.is_set():
            offsets = checkpoints.offsets()
            if TOPIC_PARTIALS in offsets:
                return offsets
            stop.wait(WAIT_S)
    finally:
        database.dispose()
    return {}

"""Puts a scorer together from the settings, and takes it apart again."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from vigil.alerts.delivery import Outbox, post_webhook
from vigil.config import Settings
from vigil.detect import DetectorSettings, OnlineDetector
from vigil.events.decode import Limits
from vigil.stores import open_log
from vigil.stores.checkpoint import CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.registry import Registry
from vigil.stores.sinks import open_sink
from vigil.stream.pipeline import Pipeline
from vigil.stream.scorer import Scorer
from vigil.windows.tumbling import WindowSpec


@contextmanager
def open_scorer(
    settings: Settings, consumer: str, show: Callable[[str], None] | None
) -> Iterator[Scorer]:
    """A scorer on the configured log, database and sink; `show` prints alerts, None stays quiet."""
    spec = WindowSpec(
        window_s=settings.window_s,
        out_of_order_s=settings.out_of_order_s,
        lateness_s=settings.lateness_s,
    )
    limits = Limits(future_s=settings.future_s, earliest_at=settings.earliest_at)
    detector = OnlineDetector(DetectorSettings(request_alert_rate=settings.alert_rate))
    engine = open_database(settings)
    channel = post_webhook(settings.webhook_url) if settings.webhook_url else None
    with closing(open_log(settings)) as event_log, closing(open_sink(settings, engine)) as sink:
        yield Scorer(
            pipeline=Pipeline(spec, limits, detector),
            event_log=event_log,
            checkpoints=CheckpointStore(engine, consumer),
            registry=Registry(engine, settings.registry_path),
            sink=sink,
            outbox=Outbox(engine, channel, show or logging.getLogger("vigil.alerts").debug),
        )
    engine.dispose()

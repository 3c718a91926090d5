"""Puts a scorer together from the settings, and takes it apart again."""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from threading import Event

from vigil.alerts.delivery import Outbox, open_channels
from vigil.alerts.localiser import Localiser
from vigil.alerts.policy import PolicyWatch, configured_policy
from vigil.config import Settings
from vigil.detect import OnlineDetector
from vigil.errors import DependencyError
from vigil.stores import open_log
from vigil.stores.checkpoint import CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.graph import GraphStore
from vigil.stores.labels import LabelStore
from vigil.stores.lease import Lease
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.log_lines import LineKeeper, LineSpec
from vigil.stores.registry import Registry
from vigil.stores.sink_outbox import SinkOutbox
from vigil.stores.sinks import open_sink
from vigil.stores.stream_health import StreamHealth
from vigil.stream.courier import Courier, bury_message
from vigil.stream.flink.gathering import Gathering
from vigil.stream.flink.options import READ, WRITTEN
from vigil.stream.graph_feed import GraphFeed
from vigil.stream.housekeeping import Housekeeping
from vigil.stream.pipeline import Pipeline
from vigil.stream.scorer import Scorer
from vigil.stream.silence import SilenceWatch
from vigil.stream.telemetry import Telemetry, serving_metrics
from vigil.windows.tumbling import WindowSpec

log = logging.getLogger("vigil.score")

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
# A scorer that lasted this long was well: the next outage is a new one.
CALM_S = 60.0
# Python looks for circles among objects whenever so many more exist; by its own choice, 700, that
# takes a third of the time of reading a hundred thousand messages, none of which has any.
OBJECTS_PER_COLLECTION = 50_000


@contextmanager
def open_scorer(
    settings: Settings, consumer: str, show: Callable[[str], None] | None, flink: bool = False
) -> Iterator[Scorer]:
    """A scorer on the configured log, database and sink; `show` prints alerts, None stays quiet.

    With `flink` the Flink job makes windows and scores, and this scorer what follows from them.
    """
    spec = WindowSpec(
        window_s=settings.window_s,
        out_of_order_s=settings.out_of_order_s,
        lateness_s=settings.lateness_s,
    )
    limits = settings.limits
    detector = OnlineDetector(settings.detector)
    policy = configured_policy(settings)
    rules = policy.incidents.rules()
    with ExitStack() as open_parts:
        engine = open_database(settings)
        open_parts.callback(engine.dispose)
        event_log = open_parts.enter_context(closing(open_log(settings)))
        if flink:
            # The job finds its topics, it makes none.
            for topic in (*READ, *WRITTEN):
                event_log.create_topic(topic)
        sink = open_parts.enter_context(closing(open_sink(settings, engine)))
        localiser = open_parts.enter_context(
            closing(Localiser(engine, lambda: open_log(settings), limits))
        )
        outbox = Outbox(
            engine,
            policy,
            open_channels(policy, show),
            bury=lambda waiting, error: bury_message(event_log, waiting, error),
            localiser=localiser,
        )
        telemetry = Telemetry(StreamHealth(engine, consumer))
        open_parts.enter_context(serving_metrics(telemetry.registry, settings.metrics_address))
        pipeline = (
            Gathering(settings.window_s, rules, policy.exemption)
            if flink
            else Pipeline(spec, limits, detector, rules, policy.exemption)
        )
        policies = PolicyWatch(
            settings,
            policy,
            [
                lambda changed: outbox.use(changed, open_channels(changed, show)),
                lambda changed: pipeline.follow(changed.incidents.rules(), changed.exemption),
            ],
        )
        yield Scorer(
            pipeline=pipeline,
            event_log=event_log,
            checkpoints=CheckpointStore(engine, consumer),
            registry=Registry(engine, settings.registry_path),
            labels=LabelStore(engine),
            lease=Lease(engine, f"scorer {consumer}"),
            courier=Courier(
                outbox,
                SinkOutbox(engine, consumer),
                GraphFeed(GraphStore(engine), sink),
                sink,
                event_log,
            ),
            telemetry=telemetry,
            housekeeping=Housekeeping(
                [
                    LedgerKeeper(engine, LedgerSpec(settings.ledger_hot_h, settings.ledger_days)),
                    LineKeeper(engine, LineSpec(settings.log_days, settings.log_lines)),
                ],
                SilenceWatch(engine, consumer),
            ),
            policies=policies,
            for_sink=sink.outside,
        )


def keep_scoring(
    settings: Settings,
    consumer: str,
    show: Callable[[str], None] | None,
    stop: Event,
    drain: bool = False,
    flink: bool = False,
) -> dict[str, int]:
    """Run a scorer until asked to stop, through outages of its log and database.

    After an outage a new scorer goes on from the last checkpoint. Returns the last counters. What
    is down at the very start, or while draining, raises DependencyError.
    """
    gc.set_threshold(OBJECTS_PER_COLLECTION)
    retry_s = FIRST_RETRY_S
    began_s: float | None = None
    while True:
        try:
            with open_scorer(settings, consumer, show, flink) as scorer:
                began_s = time.monotonic()
                scorer.run(stop, drain)
                return scorer.pipeline.counters
        except DependencyError as error:
            if drain or began_s is None:
                raise
            if time.monotonic() - began_s > CALM_S:
                retry_s = FIRST_RETRY_S
            log.warning("%s; going on from the last checkpoint in %.1f s", error, retry_s)
            if stop.wait(retry_s):
                return {}
            retry_s = min(2 * retry_s, LAST_RETRY_S)

"""Puts a scorer together from the settings, and takes it apart again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from enum import StrEnum
from threading import Event

import sqlalchemy as sa

from vigil.alerts.delivery import Outbox, open_channels
from vigil.alerts.localiser import Localiser
from vigil.alerts.policy import Policy, PolicyWatch, configured_policy
from vigil.config import Settings
from vigil.detect import OnlineDetector
from vigil.errors import ConfigError
from vigil.events.schema import TOPIC_DEAD_LETTERS
from vigil.stores import open_log, open_state
from vigil.stores.checkpoint import CheckpointStore
from vigil.stores.database import open_database
from vigil.stores.graph import GraphStore
from vigil.stores.kafka_address import parse_address
from vigil.stores.labels import LabelStore
from vigil.stores.lease import Lease
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.log import EventLog
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
from vigil.stream.outages import through_outages
from vigil.stream.pipeline import Pipeline
from vigil.stream.scorer import Scorer
from vigil.stream.silence import SilenceWatch
from vigil.stream.telemetry import Telemetry, serving_metrics
from vigil.stream.workers.crew import Crew
from vigil.stream.workers.gathering import PartialsPipeline
from vigil.stream.workers.partials import FOLDED, TOPIC_PARTIALS
from vigil.windows.tumbling import WindowSpec


class Engine(StrEnum):
    """Who makes the windows, and with Flink the scores too: this process, workers, or a job."""

    VIGIL = "vigil"
    WORKERS = "workers"
    FLINK = "flink"


def _pipeline(
    settings: Settings, engine: Engine, policy: Policy, event_log: EventLog
) -> Pipeline | Gathering:
    """The pipeline that goes with the engine; topics that others read have to be there."""
    rules = policy.incidents.rules()
    if engine is Engine.FLINK:
        for topic in (*READ, *WRITTEN):
            event_log.create_topic(topic)
        return Gathering(settings.window_s, rules, policy.exemption)
    spec = WindowSpec(settings.window_s, settings.out_of_order_s, settings.lateness_s)
    limits, detector = settings.limits, OnlineDetector(settings.detector)
    if engine is Engine.VIGIL:
        return Pipeline(spec, limits, detector, rules, policy.exemption)
    for topic in (*FOLDED, TOPIC_PARTIALS, TOPIC_DEAD_LETTERS):
        event_log.create_topic(topic)
    return PartialsPipeline(spec, limits, detector, rules, policy.exemption)


def _refuse_other_windows(database: sa.Engine, window_s: int) -> None:
    """What is usual was learnt from windows of one length: all others would look unusual."""
    newest = sa.text("SELECT window_s FROM request_windows ORDER BY window_start DESC LIMIT 1")
    with database.connect() as connection:
        kept = connection.execute(newest).scalar()
    if kept not in (None, window_s):
        raise ConfigError(
            f"VIGIL_WINDOW_S must be {kept}, as in the windows of this database, got {window_s}"
            " (for another length take another one: VIGIL_HOME or VIGIL_STORE_URL)"
        )


@contextmanager
def open_scorer(
    settings: Settings,
    consumer: str,
    show: Callable[[str], None] | None,
    engine: Engine = Engine.VIGIL,
) -> Iterator[Scorer]:
    """A scorer on the configured log, database and sink; `show` prints alerts, None stays quiet."""
    policy = configured_policy(settings)
    with ExitStack() as open_parts:
        database = open_database(settings)
        open_parts.callback(database.dispose)
        _refuse_other_windows(database, settings.window_s)
        event_log = open_parts.enter_context(closing(open_log(settings)))
        local = open_state(settings, consumer)
        if local:
            open_parts.callback(local.close)
        sink = open_parts.enter_context(closing(open_sink(settings, database)))
        localiser = open_parts.enter_context(
            closing(Localiser(database, lambda: open_log(settings), settings.limits))
        )
        outbox = Outbox(
            database,
            policy,
            open_channels(policy, show),
            bury=lambda waiting, error: bury_message(event_log, waiting, error),
            localiser=localiser,
        )
        telemetry = Telemetry(StreamHealth(database, consumer))
        open_parts.enter_context(serving_metrics(telemetry.registry, settings.metrics_address))
        pipeline = _pipeline(settings, engine, policy, event_log)
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
            checkpoints=CheckpointStore(database, consumer, local),
            registry=Registry(database, settings.registry_path),
            labels=LabelStore(database),
            lease=Lease(database, f"scorer {consumer}"),
            courier=Courier(
                outbox,
                SinkOutbox(database, consumer),
                GraphFeed(GraphStore(database), sink),
                sink,
                event_log,
            ),
            telemetry=telemetry,
            housekeeping=Housekeeping(
                [
                    LedgerKeeper(database, LedgerSpec(settings.ledger_hot_h, settings.ledger_days)),
                    LineKeeper(database, LineSpec(settings.log_days, settings.log_lines)),
                ],
                SilenceWatch(database, consumer),
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
    engine: Engine = Engine.VIGIL,
) -> dict[str, int]:
    """Run a scorer until asked to stop, through outages of its log and database.

    After an outage a new scorer goes on from the last checkpoint. Returns the last counters. What
    is down at the very start, or while draining, raises DependencyError.
    """

    def live(is_up: Callable[[], None]) -> dict[str, int]:
        with open_scorer(settings, consumer, show, engine) as scorer:
            is_up()
            scorer.run(stop, drain)
            return scorer.pipeline.counters

    return through_outages(live, stop, drain) or {}


def score_with_workers(
    settings: Settings,
    consumer: str,
    show: Callable[[str], None] | None,
    stop: Event,
    drain: bool,
    workers: int,
) -> dict[str, int]:
    """As `keep_scoring`, with so many worker processes on this machine, and any on others."""
    parse_address(settings.log_url)
    with Crew(settings, workers, stop, ["--drain"] if drain else []) as crew:
        # While workers drain, what they hand over is gathered; the end is theirs to tell.
        until = crew.through if drain else stop
        counters = keep_scoring(settings, consumer, show, until, engine=Engine.WORKERS)
    if drain and not stop.is_set():
        counters = keep_scoring(settings, consumer, show, stop, drain, Engine.WORKERS)
    return counters

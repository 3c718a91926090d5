"""Checks of what Vigil is connected to: event log, database, sink, webhook, and their clocks."""

from contextlib import closing
from datetime import UTC, datetime

import httpx
import sqlalchemy as sa

from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding
from vigil.doctor.installation import Installation
from vigil.events.schema import TOPIC_DEAD_LETTERS, TOPIC_EVENTS, TOPIC_LOGS, TOPIC_METRICS
from vigil.stores import open_log
from vigil.stores.database import has_timescale
from vigil.stores.kafka_address import SCHEMES, parse_address
from vigil.stores.sinks import open_sink

OLDEST_POSTGRES = 15
WEBHOOK_TIMEOUT_S = 3.0
CLOCK_NOTE_S = 1.0


def check_event_log(installation: Installation) -> Finding:
    """The log answers and its topics have the partitions that were asked for."""
    settings = installation.settings
    where = settings.shown()["log_url"] or "SQLite in the home folder"
    topics = (TOPIC_EVENTS, TOPIC_METRICS, TOPIC_LOGS, TOPIC_DEAD_LETTERS)
    with closing(open_log(settings)) as event_log:
        partitions = {topic: event_log.partitions(topic) for topic in topics}
    wanted = 1
    if settings.log_url.split(":")[0] in SCHEMES:
        wanted = parse_address(settings.log_url).partitions
    if not partitions[TOPIC_EVENTS]:
        found = f"{where}: no topic {TOPIC_EVENTS} yet"
        return Finding("event log", NOTE, found, "it is made with the first event: vigil ingest")
    few = [topic for topic, count in partitions.items() if 0 < count < wanted]
    if few:
        found = f"{where}: {few[0]} has {partitions[few[0]]} partition(s), {wanted} are asked for"
        remedy = f"kafka-topics.sh --alter --topic {few[0]} --partitions {wanted}"
        return Finding("event log", PROBLEM, found, remedy)
    held = partitions[TOPIC_EVENTS]
    return Finding("event log", OK, f"{where}: {TOPIC_EVENTS} has {held} partition(s)")


def check_database(installation: Installation) -> Finding:
    """The database answers, and is of a version that Vigil is tested with."""
    with installation.engine.connect() as connection:
        version = str(connection.exec_driver_sql("SHOW server_version").scalar())
        timescale = has_timescale(connection)
    where = "configured server" if installation.settings.store_url else "embedded"
    extension = "with TimescaleDB" if timescale else "plain (rollups are views)"
    found = f"PostgreSQL {version}, {where}, {extension}"
    if int(version.split(".")[0]) < OLDEST_POSTGRES:
        remedy = f"update to PostgreSQL {OLDEST_POSTGRES} or newer"
        return Finding("database", PROBLEM, found, remedy)
    return Finding("database", OK, found)


def check_clock(installation: Installation) -> Finding:
    """The database's clock against this one: windows close by it, events from ahead are refused."""
    with installation.engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        before = datetime.now(UTC)
        theirs = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
        after = datetime.now(UTC)
    return judge_clock(before, theirs, after, installation.settings.future_s)


def judge_clock(before: datetime, theirs: datetime, after: datetime, future_s: int) -> Finding:
    """The skew that the answer's way cannot explain: `theirs` was read between the other two."""
    skew_s = max((before - theirs).total_seconds(), (theirs - after).total_seconds(), 0.0)
    found = f"differs from the database's by {skew_s:.1f} s"
    if skew_s <= CLOCK_NOTE_S:
        return Finding("clock", OK, found)
    remedy = "let both machines follow NTP (timedatectl, chronyc tracking)"
    if skew_s <= future_s:
        return Finding("clock", NOTE, found, remedy)
    found += f": more than an event may be ahead ({future_s} s)"
    return Finding("clock", PROBLEM, found, remedy)


def check_sink(installation: Installation) -> Finding:
    """The sink takes documents, speaks our client's version and has room."""
    settings = installation.settings
    with closing(open_sink(settings, installation.engine)) as sink:
        sink.check()
        trouble = sink.trouble()
    found = settings.shown()["sink_url"] or "the database itself (VIGIL_SINK_URL is not set)"
    if trouble:
        return Finding("sink", PROBLEM, f"{found}: {trouble}", "see docs/deploy.md, Elasticsearch")
    return Finding("sink", OK, found)


def check_webhook(installation: Installation) -> Finding:
    """Somebody listens where alerts are posted."""
    settings = installation.settings
    if not settings.webhook_url:
        return Finding("webhook", NOTE, "none: alerts are printed", "set VIGIL_WEBHOOK_URL")
    shown = settings.shown()["webhook_url"]
    try:
        httpx.head(settings.webhook_url, timeout=WEBHOOK_TIMEOUT_S)
    except httpx.HTTPError as error:
        found = f"{shown}: {error}"
        return Finding("webhook", PROBLEM, found, "mend VIGIL_WEBHOOK_URL or start the receiver")
    return Finding("webhook", OK, shown)

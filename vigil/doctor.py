"""Checks of an installation: what is wrong, and how to mend it."""

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

import httpx

from vigil.alerts.policy import configured_policy
from vigil.config import Settings
from vigil.errors import VigilError
from vigil.stores import open_log
from vigil.stores.bundle import load_bundle
from vigil.stores.database import has_timescale, open_database
from vigil.stores.registry import Registry
from vigil.stores.sinks import open_sink

LEAST_FREE_BYTES = 1 << 30
OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check; `remedy` is empty where nothing is to be done."""

    check: str
    level: str
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """All findings, in the order in which problems should be mended."""
    checks: list[Callable[[Settings], Finding]] = [
        _python,
        _home,
        _event_log,
        _database,
        _sink,
        _champion,
        _policy,
        _webhook,
        _datasets,
    ]
    return [_guarded(check, settings) for check in checks]


def _guarded(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except VigilError as error:
        name = check.__name__.strip("_").replace("_", " ")
        return Finding(name, PROBLEM, str(error), "mend the address or start the server")


def _python(settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", OK, f"{version} in {sys.prefix}")


def _home(settings: Settings) -> Finding:
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        probe = settings.home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("home", PROBLEM, str(error), "set VIGIL_HOME to a folder you may write to")
    free = shutil.disk_usage(settings.home).free
    found = f"{settings.home}, {free / 1e9:.0f} GB free"
    if free < LEAST_FREE_BYTES:
        return Finding("home", PROBLEM, found, "free at least 1 GB or set VIGIL_HOME elsewhere")
    return Finding("home", OK, found)


def _event_log(settings: Settings) -> Finding:
    with closing(open_log(settings)) as event_log:
        partitions = event_log.partitions("vigil.events")
    where = settings.shown()["log_url"] or "SQLite in the home folder"
    if not partitions:
        return Finding("event log", NOTE, f"{where}: empty", "vigil simulate --to-log, or ingest")
    return Finding("event log", OK, f"{where}: vigil.events has {partitions} partition(s)")


def _database(settings: Settings) -> Finding:
    engine = open_database(settings)
    with engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version").scalar()
        timescale = has_timescale(connection)
    engine.dispose()
    where = "configured server" if settings.store_url else "embedded"
    extension = "with TimescaleDB" if timescale else "plain (rollups are views)"
    return Finding("database", OK, f"PostgreSQL {version}, {where}, {extension}")


def _sink(settings: Settings) -> Finding:
    engine = open_database(settings)
    with closing(open_sink(settings, engine)) as sink:
        sink.check()
        found = settings.shown()["sink_url"] or "the database itself (VIGIL_SINK_URL is not set)"
    engine.dispose()
    return Finding("sink", OK, found)


def _champion(settings: Settings) -> Finding:
    engine = open_database(settings)
    champion = Registry(engine, settings.registry_path).champion()
    engine.dispose()
    if champion is None:
        remedy = "vigil train, then vigil promote --best"
        return Finding("champion", NOTE, "none: the online detector scores alone", remedy)
    load_bundle(champion.path)
    return Finding("champion", OK, champion.bundle_id)


def _policy(settings: Settings) -> Finding:
    if not settings.policy:
        found = "none: every alert goes to the terminal and the webhook"
        return Finding("policy", NOTE, found, "write one (docs/alerting.md) and set VIGIL_POLICY")
    policy = configured_policy(settings)
    return Finding("policy", OK, f"{settings.policy}: {len(policy.channels)} channels")


def _webhook(settings: Settings) -> Finding:
    if not settings.webhook_url:
        return Finding("webhook", NOTE, "none: alerts are printed", "set VIGIL_WEBHOOK_URL")
    shown = settings.shown()["webhook_url"]
    try:
        httpx.head(settings.webhook_url, timeout=3.0)
    except httpx.HTTPError as error:
        found = f"{shown}: {error}"
        return Finding("webhook", PROBLEM, found, "mend VIGIL_WEBHOOK_URL or start the receiver")
    return Finding("webhook", OK, shown)


def _datasets(settings: Settings) -> Finding:
    if settings.datasets.is_dir():
        return Finding("datasets", OK, str(settings.datasets))
    remedy = "only benchmarks need them: set VIGIL_DATASETS"
    return Finding("datasets", NOTE, f"none at {settings.datasets}", remedy)

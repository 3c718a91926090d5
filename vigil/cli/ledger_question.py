"""What `vigil why`, `vigil why-not` and `vigil label` share: one ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vigil.cli.time import parse_time

if TYPE_CHECKING:
    import sqlalchemy as sa

    from vigil.alerts.why import Explanation, Ledger


@contextmanager
def ledger() -> "Iterator[tuple[sa.Engine, Ledger]]":
    """The configured database and its ledger."""
    from vigil.alerts.why import Ledger
    from vigil.config import load_settings
    from vigil.detect import DetectorSettings
    from vigil.stores.database import open_database

    settings = load_settings()
    engine = open_database(settings)
    try:
        rates = (settings.alert_rate, DetectorSettings().alert_rate)
        yield engine, Ledger(engine, settings.window_s, rates)
    finally:
        engine.dispose()


def ask(series: str, time: str) -> "Explanation":
    """The ledger's answer, from the configured database."""
    at = parse_time(time)
    with ledger() as (_, answering):
        return answering.explain(series, at)

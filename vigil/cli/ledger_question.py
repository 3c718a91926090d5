"""What `vigil why` and `vigil why-not` share: two questions to one ledger."""

from datetime import UTC, datetime

import click

from vigil.alerts.why import Explanation


def ask(series: str, time: str) -> Explanation:
    """The ledger's answer, from the configured database."""
    from vigil.alerts.why import Ledger
    from vigil.config import load_settings
    from vigil.detect import DetectorSettings
    from vigil.stores.database import open_database

    settings = load_settings()
    at = parse_time(time)
    engine = open_database(settings)
    try:
        rates = (settings.alert_rate, DetectorSettings().alert_rate)
        return Ledger(engine, settings.window_s, rates).explain(series, at)
    finally:
        engine.dispose()


def parse_time(text: str) -> datetime:
    """An instant in ISO 8601, UTC where it names no zone; `now` is one too."""
    if text == "now":
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"TIME must be ISO 8601 (2026-03-02T12:00:00) or now, got {text!r}"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)

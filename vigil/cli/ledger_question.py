"""What `vigil why` and `vigil why-not` share: two questions to one ledger."""

from vigil.alerts.why import Explanation
from vigil.cli.time import parse_time


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

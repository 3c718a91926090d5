"""Opens what the operator's commands work with."""

from collections.abc import Iterator
from contextlib import contextmanager

from vigil.alerts.operator import Operator


@contextmanager
def operator() -> Iterator[Operator]:
    """The operator's verbs on the configured database."""
    from vigil.alerts.policy import configured_policy
    from vigil.config import load_settings
    from vigil.stores.database import open_database

    settings = load_settings()
    policy = configured_policy(settings)
    engine = open_database(settings)
    try:
        yield Operator(engine, policy)
    finally:
        engine.dispose()

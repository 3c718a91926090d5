"""What a database holds, to be compared with another."""

from collections.abc import Mapping

import sqlalchemy as sa

from vigil.config import Settings
from vigil.stores.database import open_database


def database_contents(settings: Settings, queries: Mapping[str, str]) -> dict[str, list[tuple]]:
    """The rows of each query, by its name."""
    engine = open_database(settings)
    with engine.connect() as connection:
        found = {
            name: [tuple(row) for row in connection.execute(sa.text(query))]
            for name, query in queries.items()
        }
    engine.dispose()
    return found

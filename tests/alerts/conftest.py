"""Alerts as the scorer commits them."""

import orjson
import pytest
import sqlalchemy as sa


@pytest.fixture
def commit(engine: sa.Engine):
    """Writes alert documents and their incidents as a checkpoint does."""

    def write(*documents: dict) -> None:
        with engine.begin() as connection:
            for document in documents:
                values = {**document, "document": orjson.dumps(document).decode()}
                connection.execute(
                    sa.text(
                        "INSERT INTO incidents (incident_id, status, opened_at, updated_at,"
                        " resolved_at, title, document) VALUES (:incident_id, :status,"
                        " CAST(:opened_at AS timestamptz), CAST(:updated_at AS timestamptz),"
                        " CAST(:resolved_at AS timestamptz), :title, CAST(:document AS jsonb))"
                        " ON CONFLICT (incident_id) DO UPDATE SET status = excluded.status,"
                        " resolved_at = excluded.resolved_at, document = excluded.document"
                    ),
                    values,
                )
                connection.execute(
                    sa.text(
                        "INSERT INTO alerts (alert_id, incident_id, action, at, document) VALUES"
                        " (:alert_id, :incident_id, :action, CAST(:at AS timestamptz),"
                        " CAST(:document AS jsonb))"
                    ),
                    values,
                )

    return write

"""Vigil's own incidents: opened where something about the watching is wrong, resolved after."""

from datetime import datetime

import sqlalchemy as sa

from vigil.incidents.own import OwnIncident, own_incident_document
from vigil.stores.alerting import AlertStore
from vigil.stores.checkpoint import write_incidents


def set_own_incident(
    connection: sa.Connection, incident: OwnIncident, at: datetime, wrong: bool | None
) -> None:
    """Open the incident where it is `wrong` and not open, resolve it where it is right again.

    None leaves it as it is.
    """
    open_one = AlertStore(connection).open_incident(incident.stream, incident.origin)
    if wrong is None or wrong == (open_one is not None):
        return
    document = own_incident_document(incident, at, open_one, resolved=not wrong)
    write_incidents(connection, [document], [document])

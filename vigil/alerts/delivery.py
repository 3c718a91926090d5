"""From the committed outbox to people: the terminal, and a webhook when one is configured.

At least once: an alert is marked as delivered only after the channel took it, so a crash in
between repeats it under the same id (`Idempotency-Key`).
"""

import logging
import time
from collections.abc import Callable
from typing import Any

import httpx
import orjson
import sqlalchemy as sa

from vigil.alerts.message import alert_text

log = logging.getLogger("vigil.alerts")

BATCH = 100
TIMEOUT_S = 5.0
RETRY_S = 5.0


def post_webhook(
    url: str, transport: httpx.BaseTransport | None = None
) -> Callable[[dict[str, Any]], None]:
    """A channel that posts alert documents to `url`; it raises httpx.HTTPError on refusal."""
    client = httpx.Client(timeout=TIMEOUT_S, transport=transport)

    def post(document: dict[str, Any]) -> None:
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": document["alert_id"],
        }
        client.post(url, content=orjson.dumps(document), headers=headers).raise_for_status()

    return post


class Outbox:
    """Delivers alerts in order through one channel; `show` prints each for the terminal."""

    def __init__(
        self,
        engine: sa.Engine,
        channel: Callable[[dict[str, Any]], None] | None = None,
        show: Callable[[str], None] = log.info,
        retry_s: float = RETRY_S,
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._show = show
        self._retry_s = retry_s
        self._retry_at = 0.0

    def deliver(self) -> int:
        """Send what is waiting; returns how many were taken.

        A failing channel is asked again after a pause, with the oldest alert first, so that a
        resolve never overtakes its opening.
        """
        if time.monotonic() < self._retry_at:
            return 0
        waiting = sa.text(
            "SELECT alert_id, document FROM alerts WHERE delivered_at IS NULL"
            " ORDER BY at, alert_id LIMIT :batch"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(waiting, {"batch": BATCH}).all()
        for count, (alert_id, document) in enumerate(rows):
            if not self._send(alert_id, document):
                return count
        return len(rows)

    def _send(self, alert_id: str, document: dict[str, Any]) -> bool:
        try:
            if self._channel is not None:
                self._channel(document)
        except httpx.HTTPError as error:
            self._retry_at = time.monotonic() + self._retry_s
            reason = _reason(error)
            log.warning("alert %s not delivered, trying again: %s", alert_id, reason)
            self._mark(
                "UPDATE alerts SET attempts = attempts + 1, last_error = :error"
                " WHERE alert_id = :id",
                {"id": alert_id, "error": reason},
            )
            return False
        self._show(alert_text(document))
        self._mark(
            "UPDATE alerts SET attempts = attempts + 1, delivered_at = now(), last_error = NULL"
            " WHERE alert_id = :id",
            {"id": alert_id},
        )
        return True

    def _mark(self, statement: str, values: dict[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sa.text(statement), values)


def _reason(error: httpx.HTTPError) -> str:
    """What went wrong, without the address: a webhook's path is a secret."""
    if isinstance(error, httpx.HTTPStatusError):
        return f"the receiver answered {error.response.status_code}"
    return f"{type(error).__name__}: {error}"

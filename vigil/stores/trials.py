"""Trials: which bundle is in the shadow of which champion, what came of it, and the verdicts.

One is open at a time. A promotion ends it and opens the next one, in which the former champion is
the control of the new one; a rollback only ends it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from vigil.backtest.trial import ShadowRecord
from vigil.errors import UsageError

CHALLENGE, PROBATION = "challenge", "probation"
PROMOTED, REFUSED, KEPT = "promoted", "refused", "kept"
ROLLED_BACK, SUPERSEDED = "rolled back", "superseded"
CHAMPION, SHADOW = "champion", "shadow"

# A trial that nobody judges does not double the cost of scoring for ever.
SHADOWED_FOR = "2 days"

SHADOW_HOURS: dict[str, Any] = {
    "trial_id": pl.Int64,
    "hour": pl.Datetime("us", "UTC"),
    "windows": pl.Int64,
    "champion_flagged": pl.Int64,
    "shadow_flagged": pl.Int64,
    "champion_strange": pl.Int64,
    "shadow_strange": pl.Int64,
}
SHADOW_PAGES: dict[str, Any] = {
    "trial_id": pl.Int64,
    "role": pl.String,
    "alert_id": pl.String,
    "at": pl.Datetime("us", "UTC"),
    "severity": pl.String,
    "title": pl.String,
}
_COUNTS = tuple(name for name in SHADOW_HOURS if name not in ("trial_id", "hour"))
ADD_HOURS = "(trial_id, hour) DO UPDATE SET " + ", ".join(
    f"{name} = shadow_hours.{name} + excluded.{name}" for name in _COUNTS
)


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. `replay`: days, and pages of champion and challenger, once it has run."""

    trial_id: int
    purpose: str
    champion_id: str
    shadow_id: str
    started_at: datetime
    replay: Mapping[str, Any] | None
    ended_at: datetime | None
    verdict: str | None
    reason: str | None


class TrialStore:
    """Reads and writes trials and the record of shadows."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def open(self) -> Trial | None:
        """The trial that runs."""
        return self._one("ended_at IS NULL")

    def shadowed(self) -> Trial | None:
        """The trial whose bundle scorers shadow; cheap enough to ask each second."""
        return self._one(f"ended_at IS NULL AND started_at > now() - interval '{SHADOWED_FOR}'")

    def history(self) -> list[Trial]:
        """All trials, the newest first."""
        return self._read("true")

    def start(self, champion_id: str, challenger_id: str) -> Trial:
        """Put a challenger into the shadow; raises UsageError while another trial runs."""
        running = self.open()
        if running is not None:
            raise UsageError(
                f"{running.shadow_id} is in the shadow of {running.champion_id} already"
                f" (trial {running.trial_id}, a {running.purpose})"
            )
        with self._engine.begin() as connection:
            trial_id = _insert(connection, CHALLENGE, champion_id, challenger_id)
        return self._read(f"trial_id = {trial_id}")[0]

    def refuse(self, champion_id: str, challenger_id: str, reason: str) -> None:
        """Keep that a challenger did not come as far as the shadow."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO trials (purpose, champion_id, shadow_id, ended_at, verdict,"
                    " reason) VALUES (:purpose, :champion, :shadow, now(), :verdict, :reason)"
                ),
                {
                    "purpose": CHALLENGE, "champion": champion_id, "shadow": challenger_id,
                    "verdict": REFUSED, "reason": reason,
                },
            )  # fmt: skip

    def set_replay(self, trial_id: int, replay: Mapping[str, Any]) -> None:
        """Keep what the replay of the past counted."""
        statement = "UPDATE trials SET replay = CAST(:replay AS jsonb) WHERE trial_id = :id"
        values = {"id": trial_id, "replay": orjson.dumps(replay).decode()}
        with self._engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def end(self, trial_id: int, verdict: str, reason: str) -> None:
        """Close a trial; one that is closed already stays as it is."""
        with self._engine.begin() as connection:
            _end(connection, verdict, reason, "trial_id = :id", {"id": trial_id})

    def record(self, trial_id: int) -> ShadowRecord:
        """What the live stream has shown so far."""
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in _COUNTS)
        counts = f"SELECT count(*), {sums} FROM shadow_hours WHERE trial_id = :id"
        pages = (
            "SELECT count(*) FILTER (WHERE role = 'champion'),"
            " count(*) FILTER (WHERE role = 'shadow') FROM shadow_pages WHERE trial_id = :id"
        )
        with self._engine.connect() as connection:
            hours = connection.execute(sa.text(counts), {"id": trial_id}).one()
            told = connection.execute(sa.text(pages), {"id": trial_id}).one()
        return ShadowRecord(*map(int, (*hours, *told)))

    def pages(self, trial_id: int) -> list[dict[str, Any]]:
        """Each page of either role: role, at, severity, title; by time."""
        query = (
            "SELECT role, at, severity, title FROM shadow_pages WHERE trial_id = :id"
            " ORDER BY at, role, alert_id"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(sa.text(query), {"id": trial_id})
            return [dict(row) for row in rows.mappings()]

    def _one(self, condition: str) -> Trial | None:
        return next(iter(self._read(condition)), None)

    def _read(self, condition: str) -> list[Trial]:
        columns = ", ".join(Trial.__slots__)
        query = f"SELECT {columns} FROM trials WHERE {condition} ORDER BY trial_id DESC"
        with self._engine.connect() as connection:
            return [Trial(*row) for row in connection.execute(sa.text(query))]


def follow_promotion(
    connection: sa.Connection, former_id: str | None, bundle_id: str, reason: str, back: bool
) -> None:
    """End the open trial with a promotion, in its transaction, and begin the probation.

    `former_id`: the champion before; `back`: it was a rollback, after which nothing is on trial.
    """
    if former_id in (None, bundle_id):
        return
    won = "shadow_id = :id AND purpose = 'challenge'"
    _end(connection, PROMOTED, reason, won, {"id": bundle_id})
    if back:
        _end(connection, ROLLED_BACK, reason, "purpose = 'probation'", {})
    _end(connection, SUPERSEDED, reason, "true", {})
    if not back:
        _insert(connection, PROBATION, bundle_id, str(former_id))


def _insert(connection: sa.Connection, purpose: str, champion_id: str, shadow_id: str) -> int:
    statement = sa.text(
        "INSERT INTO trials (purpose, champion_id, shadow_id) VALUES (:purpose, :champion, :shadow)"
        " RETURNING trial_id"
    )
    values = {"purpose": purpose, "champion": champion_id, "shadow": shadow_id}
    return int(connection.execute(statement, values).scalar_one())


def _end(
    connection: sa.Connection, verdict: str, reason: str, which: str, values: dict[str, Any]
) -> None:
    statement = (
        "UPDATE trials SET ended_at = now(), verdict = :verdict, reason = :reason"
        f" WHERE ended_at IS NULL AND {which}"
    )
    connection.execute(sa.text(statement), {"verdict": verdict, "reason": reason, **values})

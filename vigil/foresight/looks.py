"""Looks ahead and what came of them, one row an objective and instant."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import sqlalchemy as sa

from vigil.forecast.record import BreachRecord

# What a record forgets: older looks speak of another estate.
LAST_LOOKS = 5_000


class LookStore:
    """Reads and writes inside of the caller's transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def known(self, objective: str) -> bool:
        """Whether there is any look at it."""
        query = sa.text("SELECT EXISTS (SELECT 1 FROM looks_ahead WHERE objective = :objective)")
        return bool(self._connection.execute(query, {"objective": objective}).scalar_one())

    def add(self, objective: str, at: datetime, probability: float) -> None:
        """A look whose outcome is not known yet; one at the same instant stays as it is."""
        statement = sa.text(
            "INSERT INTO looks_ahead (objective, at, probability, settled) VALUES"
            " (:objective, :at, :probability, false) ON CONFLICT (objective, at) DO NOTHING"
        )
        values = {"objective": objective, "at": at, "probability": probability}
        self._connection.execute(statement, values)

    def add_settled(
        self, objective: str, at: Sequence[datetime], probability: np.ndarray, lead_s: np.ndarray
    ) -> None:
        """Looks at the past, with the seconds to the break, infinite for none."""
        rows = [
            {"objective": objective, "at": instant, "probability": float(chance),
             "lead_s": float(lead) if np.isfinite(lead) else None}
            for instant, chance, lead in zip(at, probability, lead_s, strict=True)
        ]  # fmt: skip
        if rows:
            statement = sa.text(
                "INSERT INTO looks_ahead (objective, at, probability, settled, lead_s) VALUES"
                " (:objective, :at, :probability, true, :lead_s)"
            )
            self._connection.execute(statement, rows)

    def waiting(self, objective: str) -> list[datetime]:
        """Instants of looks whose outcome is not known yet, oldest first."""
        query = sa.text(
            "SELECT at FROM looks_ahead WHERE objective = :objective AND NOT settled ORDER BY at"
        )
        return list(self._connection.execute(query, {"objective": objective}).scalars())

    def settle(self, objective: str, at: datetime, lead_s: float | None) -> None:
        """What came of a look: seconds to the break, None for none within the horizon."""
        statement = sa.text(
            "UPDATE looks_ahead SET settled = true, lead_s = :lead_s"
            " WHERE objective = :objective AND at = :at"
        )
        values = {"objective": objective, "at": at, "lead_s": lead_s}
        self._connection.execute(statement, values)

    def forget(self, objective: str, at: datetime) -> None:
        """Drop a look of which nobody will know what came."""
        statement = sa.text("DELETE FROM looks_ahead WHERE objective = :objective AND at = :at")
        self._connection.execute(statement, {"objective": objective, "at": at})

    def record(self, objectives: Sequence[str], step_s: float, horizon_steps: int) -> BreachRecord:
        """The newest settled looks at these objectives as one record, in steps of `step_s`."""
        query = sa.text(
            "SELECT objective, extract(epoch FROM at)::float8, probability, lead_s"
            " FROM looks_ahead WHERE settled AND objective = ANY(:objectives)"
            " ORDER BY at DESC LIMIT :last"
        )
        values = {"objectives": list(objectives), "last": LAST_LOOKS}
        rows = self._connection.execute(query, values).all()
        leads = [np.inf if row[3] is None else row[3] / step_s for row in rows]
        return BreachRecord(
            np.array([objectives.index(row[0]) for row in rows], int),
            np.array([round(row[1] / step_s) for row in rows], int),
            np.array([row[2] for row in rows], float),
            np.array(leads, float),
            horizon_steps,
        )

"""Operators' labels: verdicts on windows, which scorers and training runs read."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vigil.detect.feedback import Label, Verdict


class LabelStore:
    """Appends and reads labels; none is ever changed, a later one adds to it."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(
        self,
        series_id: int,
        window_start: datetime,
        verdict: Verdict,
        deviation: float,
        note: str,
        author: str,
    ) -> Label:
        """Keep a verdict of `author` on one window of one series."""
        statement = sa.text(
            "INSERT INTO labels (series_id, window_start, verdict, deviation, note, author) VALUES"
            " (:series_id, :window_start, :verdict, :deviation, :note, :author) RETURNING label_id"
        )
        values = {
            "series_id": series_id, "window_start": window_start, "verdict": verdict.value,
            "deviation": deviation, "note": note, "author": author,
        }  # fmt: skip
        with self._engine.begin() as connection:
            label_id = connection.execute(statement, values).scalar_one()
        return Label(label_id, series_id, verdict, deviation)

    def of_series(self, series_id: int) -> list[dict[str, Any]]:
        """Labels of a series, newest first: window_start, verdict, note, author, made_at."""
        query = sa.text(
            "SELECT window_start, verdict, note, author, made_at FROM labels"
            " WHERE series_id = :series_id ORDER BY label_id DESC"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"series_id": series_id}).mappings()
            return [dict(row) for row in rows]

    def after(self, label_id: int) -> list[Label]:
        """Labels newer than that one, oldest first."""
        query = sa.text(
            "SELECT label_id, series_id, verdict, deviation FROM labels"
            " WHERE label_id > :label_id ORDER BY label_id"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"label_id": label_id}).all()
        return [Label(row[0], row[1], Verdict(row[2]), row[3]) for row in rows]

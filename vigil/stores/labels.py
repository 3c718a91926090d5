"""Operators' labels: verdicts on windows, which scorers and training runs read."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vigil.detect.feedback import Label, Verdict
from vigil.features.labelled import CHANGES, INCIDENTS, Labelled
from vigil.stores.database import read_frame


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

    def placed(self) -> list[tuple[datetime, Label]]:
        """All labels with the starts of their windows, in the order of these."""
        query = sa.text(
            "SELECT window_start, label_id, series_id, verdict, deviation FROM labels"
            " ORDER BY window_start, label_id"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(row[0], Label(row[1], row[2], Verdict(row[3]), row[4])) for row in rows]

    def labelled(self) -> Labelled:
        """What training has to know: incidents called true, on all of their series, and changes.

        A window that joined no incident stands for itself; of its labels the last one counts.
        """
        last = (
            "(SELECT DISTINCT ON (series_id, window_start) * FROM labels"
            " ORDER BY series_id, window_start, label_id DESC)"
        )
        incidents = (
            "SELECT coalesce(others.series_id, l.series_id) AS series_id,"
            " least(l.window_start, min(others.window_start)) AS first_window,"
            " greatest(l.window_start, max(others.window_start)) AS last_window"
            f" FROM {last} l"
            " LEFT JOIN attributions mine USING (series_id, window_start)"
            " LEFT JOIN attributions others ON others.incident_id = mine.incident_id"
            " WHERE l.verdict = 'true' GROUP BY l.label_id, l.window_start,"
            " coalesce(others.series_id, l.series_id)"
        )
        changes = (
            f"SELECT series_id, max(window_start) AS changed_at FROM {last} l"
            " WHERE verdict = 'expected'"
            " GROUP BY series_id"
        )
        with self._engine.connect() as connection:
            return Labelled(
                read_frame(connection, incidents, (), INCIDENTS),
                read_frame(connection, changes, (), CHANGES),
            )

    def counts(self, start_at: datetime, end_at: datetime) -> dict[str, int]:
        """Labels on windows between the two instants, by verdict."""
        query = sa.text(
            "SELECT verdict, count(*) FROM labels WHERE window_start >= :start_at"
            " AND window_start < :end_at GROUP BY verdict ORDER BY verdict"
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"start_at": start_at, "end_at": end_at})
            return {verdict: int(count) for verdict, count in rows}

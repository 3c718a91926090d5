"""Selections from the database: one statement, its values, and the schema of its rows."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.errors import UsageError
from vigil.stores.database import Schema, read_frame

Where = str | Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """The part after WHERE, with its values in psycopg's form."""

    clauses: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def add(self, clause: str, *values: Any) -> None:
        """One more condition; each `%s` in it takes a value."""
        self.clauses.append(clause)
        self.values.extend(values)

    def match(self, columns: Sequence[str], where: Mapping[str, Where]) -> None:
        """Equality for each named column: a text, one of several, or None for absent.

        Raises UsageError for a name that is no column, with the nearest one.
        """
        for name, wanted in where.items():
            if name not in columns:
                close = difflib.get_close_matches(name, columns, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                raise UsageError(f"{name!r} is none of {', '.join(columns)}{hint}")
            if wanted is None:
                self.add(f"{name} IS NULL")
            elif isinstance(wanted, str):
                self.add(f"{name} = %s", wanted)
            else:
                self.add(f"{name} = ANY(%s)", list(wanted))

    @property
    def text(self) -> str:
        """Ready to stand after FROM."""
        return f"WHERE {' AND '.join(self.clauses)}" if self.clauses else ""


def unchanged(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as it was read."""
    return frame


@dataclass(frozen=True, slots=True)
class SqlSource:
    """Rows of a SELECT without ORDER BY and LIMIT; `order` names the columns to sort by."""

    engine: Callable[[], sa.Engine]
    select: str
    conditions: Conditions
    order: str
    schema: Schema
    finish: Callable[[pl.DataFrame], pl.DataFrame] = unchanged

    def fetch(self, most_rows: int) -> pl.DataFrame:
        """The first rows in order."""
        query = f"{self.select} {self.conditions.text} ORDER BY {self.order} LIMIT {int(most_rows)}"
        with self.engine().connect() as connection:
            return self.finish(read_frame(connection, query, self.conditions.values, self.schema))

    def count(self) -> int:
        """How many rows there are, counted by the database."""
        query = f"SELECT count(*) AS n FROM ({self.select} {self.conditions.text}) AS selected"
        with self.engine().connect() as connection:
            rows = read_frame(connection, query, self.conditions.values, {"n": pl.Int64})
        return int(rows["n"][0])

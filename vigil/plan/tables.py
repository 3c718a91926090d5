"""What a row of each table costs on disk with its indexes, measured on the sample's own rows."""

from dataclasses import dataclass

import sqlalchemy as sa

from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.timescale import WindowStore

# Enough rows that half-filled pages do not count; below the least they do, and a row is weighed
# alone, with what its header and index entries take.
MEASURED_ROWS = 20_000
LEAST_ROWS = 100
ROW_OVERHEAD_BYTES = 100
ROLLUPS = ("request_windows_1m", "request_windows_5m", "request_windows_1h")
TABLES = (
    *ROLLUPS, "request_windows", "metric_windows", "scores", "score_blocks", "service_edges",
    "journey_minutes", "log_lines", "attributions", "late_events", "incidents", "alerts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TableCost:
    """Rows that the sample left in a table, and the bytes of one, with its share of indexes."""

    rows: int
    bytes_per_row: float


def table_costs(engine: sa.Engine) -> dict[str, TableCost]:
    """Every table's cost. Decisions count twice: as rows (`scores`) before they are packed, and
    afterwards (`score_blocks`, the bytes of one decision in a block); `flagged` are those that stay
    rows.
    """
    decisions = WindowStore(engine).count_scores()
    costs = {name: _cost(engine, name) for name in TABLES if name != "score_blocks"}
    costs["scores"] = TableCost(decisions, costs["scores"].bytes_per_row)
    with engine.connect() as connection:
        flagged = connection.execute(sa.text("SELECT count(*) FROM scores WHERE flagged")).scalar()
    costs["flagged"] = TableCost(int(flagged or 0), costs["scores"].bytes_per_row)
    LedgerKeeper(engine, LedgerSpec(hot_h=0)).tidy()
    blocks = _cost(engine, "score_blocks")
    with engine.connect() as connection:
        packed = connection.execute(sa.text("SELECT sum(windows) FROM score_blocks")).scalar()
    per_decision = blocks.rows * blocks.bytes_per_row / int(packed) if packed else 0.0
    costs["score_blocks"] = TableCost(decisions if packed else 0, per_decision)
    return costs


def _cost(engine: sa.Engine, table: str) -> TableCost:
    with engine.begin() as connection:
        rows = int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())
        connection.execute(
            sa.text(f"CREATE TEMP TABLE measured (LIKE {table} INCLUDING ALL) ON COMMIT DROP")
        )
        empty = _size(connection)
        copied = connection.execute(
            sa.text(
                "INSERT INTO measured OVERRIDING SYSTEM VALUE"
                f" SELECT * FROM {table} LIMIT {MEASURED_ROWS}"
            )
        ).rowcount
        if copied >= LEAST_ROWS:
            return TableCost(rows, (_size(connection) - empty) / copied)
        width = connection.execute(sa.text("SELECT avg(pg_column_size(m)) FROM measured m"))
        return TableCost(rows, float(width.scalar() or 0.0) + ROW_OVERHEAD_BYTES)


def _size(connection: sa.Connection) -> int:
    query = sa.text("SELECT pg_total_relation_size('pg_temp.measured'::regclass)")
    return int(connection.execute(query).scalar_one())

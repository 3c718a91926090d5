"""The database: connection by URL, schema migrations, and fast frames in and out."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import InterfaceError, OperationalError

from vigil.config import Settings, without_secrets
from vigil.errors import ConfigError, StoreError
from vigil.stores.embedded_postgres import start_postgres

# Column → polars type, as polars itself accepts it.
Schema = Mapping[str, Any]

CONNECT_S = 10
_MIGRATIONS = Path(__file__).parent / "migrations"
# One number that every Vigil process agrees on, so that two of them never migrate at once.
_MIGRATION_LOCK = 7_216_482_391


def open_database(settings: Settings) -> sa.Engine:
    """An engine on the configured database, its schema brought up to date.

    Raises ConfigError for a URL that is not PostgreSQL, StoreError when the server is down.
    """
    engine = sa.create_engine(
        _sqlalchemy_url(settings), pool_pre_ping=True, connect_args={"connect_timeout": CONNECT_S}
    )
    sa.event.listen(engine, "handle_error", _speak_of_the_database)
    migrate(engine)
    return engine


def _speak_of_the_database(context: sa.ExceptionContext) -> None:
    """A server that is down or goes away is a StoreError, wherever that is noticed."""
    error = context.sqlalchemy_exception
    if isinstance(error, OperationalError | InterfaceError) and context.engine is not None:
        lines = str(error.orig).strip().splitlines() or [type(error.orig).__name__]
        url = without_secrets(context.engine.url.render_as_string(hide_password=True))
        raise StoreError(f"the database {url} failed: {lines[0]}") from error


def _sqlalchemy_url(settings: Settings) -> sa.URL:
    text = settings.store_url or start_postgres(settings.home / "postgres")
    shown = without_secrets(text)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"VIGIL_STORE_URL must be a database URL, got {shown!r}") from error
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError(f"VIGIL_STORE_URL must start with postgresql://, got {shown!r}")
    # A host that vanished must not keep its locks: the server asks after ten idle seconds.
    options = (
        "-c timezone=UTC -c tcp_keepalives_idle=10"
        " -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
    )
    return url.set(drivername="postgresql+psycopg").update_query_dict({"options": options})


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision; safe to call from many processes at once."""
    with engine.connect() as connection:
        if _revision(connection) == newest_revision():
            return
    # Loading Alembic and all revisions takes longer than most commands do.
    from alembic import command
    from alembic.config import Config

    with engine.connect() as connection:
        connection.execute(sa.text("SELECT pg_advisory_lock(:n)"), {"n": _MIGRATION_LOCK})
        connection.commit()
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(sa.text("SELECT pg_advisory_unlock(:n)"), {"n": _MIGRATION_LOCK})
            connection.commit()


def newest_revision() -> str:
    """The revision of the newest migration: their files are named `REVISION_what.py`."""
    return max(file.name for file in (_MIGRATIONS / "versions").glob("[0-9]*.py")).partition("_")[0]


def _revision(connection: sa.Connection) -> str | None:
    if connection.scalar(sa.text("SELECT to_regclass('alembic_version')")) is None:
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version"))


def has_timescale(connection: sa.Connection) -> bool:
    """True where the TimescaleDB extension can be or has been created."""
    found = connection.execute(
        sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")
    )
    return found.first() is not None


def driver(connection: sa.Connection) -> psycopg.Connection:
    """The psycopg connection below, in the same transaction: COPY is not part of SQLAlchemy."""
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw


@contextmanager
def driver_cursor(connection: sa.Connection, binary: bool = False) -> Iterator[psycopg.Cursor]:
    """A cursor of the driver, whose errors SQLAlchemy does not see."""
    try:
        with driver(connection).cursor(binary=binary) as cursor:
            yield cursor
    except psycopg.OperationalError as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise StoreError(f"the database failed: {lines[0]}") from error


def read_frame(
    connection: sa.Connection,
    query: str,
    parameters: Sequence[Any] | dict[str, Any] = (),
    schema: Schema | None = None,
) -> pl.DataFrame:
    """Rows of `query` as a frame with `schema` (column → polars type), by COPY in CSV.

    About 20 times faster than fetching tuples. Lists arrive as text (`{1,2}`); see `parse_ints`.
    """
    out = io.BytesIO()
    statement = f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)"
    with driver_cursor(connection) as cursor, cursor.copy(statement, parameters) as copy:
        for block in copy:
            out.write(block)
    out.seek(0)
    schema = schema or {}
    times = {name: kind for name, kind in schema.items() if isinstance(kind, pl.Datetime)}
    booleans = [name for name, kind in schema.items() if kind == pl.Boolean]
    texts = {*times, *booleans}
    frame = pl.read_csv(
        out,
        schema_overrides={
            name: pl.String if name in texts else kind for name, kind in schema.items()
        },
    )
    return frame.with_columns(
        *(
            pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us", time_zone="UTC")
            for name in times
        ),
        *(pl.col(name) == "t" for name in booleans),
    )


def copy_frame(
    connection: sa.Connection, frame: pl.DataFrame, table: str, conflict: str = ""
) -> int:
    """Insert the frame's rows into the columns of the same name; returns the rows sent.

    `conflict` is the clause after ON CONFLICT; empty means that rows are new by construction.
    """
    if frame.is_empty():
        return 0
    columns = ", ".join(frame.columns)
    with driver_cursor(connection) as cursor:
        target = table
        if conflict:
            target = f"incoming_{table}"
            cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {target} (LIKE {table})")
            cursor.execute(f"TRUNCATE {target}")
        with cursor.copy(f"COPY {target} ({columns}) FROM STDIN (FORMAT csv)") as copy:
            copy.write(_csv(frame))
        if conflict:
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {target} "
                f"ON CONFLICT {conflict}"
            )
    return frame.height


def _csv(frame: pl.DataFrame) -> bytes:
    """CSV as PostgreSQL reads it: lists in braces, no header, null is the empty unquoted field."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    frame = frame.with_columns(_braces(name, frame.schema[name]) for name in lists)
    return frame.write_csv(include_header=False, quote_style="necessary").encode()


def _braces(name: str, kind: Any) -> pl.Expr:
    items = pl.element()
    if kind.inner == pl.String:
        escaped = items.str.replace_all("\\", "\\\\", literal=True)
        quoted = escaped.str.replace_all('"', '\\"', literal=True)
        text = pl.lit('"') + quoted + pl.lit('"')
    else:
        text = items.cast(pl.String)
    joined = pl.col(name).list.eval(text).list.join(",")
    return (pl.lit("{") + joined + pl.lit("}")).alias(name)


def parse_ints(column: str) -> pl.Expr:
    """A list of integers from PostgreSQL's array text."""
    inside = pl.col(column).str.strip_chars("{}")
    return (
        pl.when(inside == "")
        .then(pl.lit([], dtype=pl.List(pl.Int64)))
        .otherwise(inside.str.split(",").cast(pl.List(pl.Int64)))
        .alias(column)
    )

"""Who is the active one: a lock that ends with its holder.

PostgreSQL releases a session's advisory locks when its connection closes, so the lease of a killed
process is free at once. A holder that has lost it unawares (its server was restarted) is stopped by
the checkpoint's epoch, which only one of two can advance.
"""

import zlib

import sqlalchemy as sa

# The first half of the lock's name, so that other users of the database are not met by chance.
_NAMESPACE = 721_648


class Lease:
    """Held by at most one process at a time; `name` says what for."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._key = {"space": _NAMESPACE, "key": zlib.crc32(name.encode()) & 0x7FFFFFFF}
        self._connection: sa.Connection | None = None

    def acquire(self) -> bool:
        """True when this process holds it now; raises StoreError when the server is down."""
        self.release()
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        query = sa.text("SELECT pg_try_advisory_lock(:space, :key)")
        if connection.execute(query, self._key).scalar():
            self._connection = connection
            return True
        connection.close()
        return False

    def release(self) -> None:
        """Let another have it."""
        if self._connection is not None:
            # The lock belongs to the session: it must not go back to the pool.
            self._connection.invalidate()
            self._connection.close()
            self._connection = None

"""API keys: who may send, look, operate and administer, for which tenant, and how much.

A key is shown once and kept as a hash. It has 256 bits of chance, so a plain SHA-256 is as good as
a slow hash, which is for secrets that people choose.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from vigil.errors import UsageError

# Role → what it may do.
ROLES: Mapping[str, frozenset[str]] = {
    "sender": frozenset({"ingest"}),
    "viewer": frozenset({"read"}),
    "operator": frozenset({"read", "operate"}),
    "admin": frozenset({"ingest", "read", "operate", "admin"}),
}

_COLUMNS = (
    "key_id, name, role, tenant, created_at, expires_at, revoked_at, last_used_at,"
    " records_per_s, records_per_day, secret_hash, previous_hash, previous_until"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret. `tenant` None is every tenant; limits None are none."""

    key_id: str
    name: str
    role: str
    tenant: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    records_per_s: float | None
    records_per_day: int | None
    secret_hash: str
    previous_hash: str | None
    previous_until: datetime | None

    def may(self, scope: str) -> bool:
        """Whether its role includes `ingest`, `read`, `operate` or `admin`."""
        return scope in ROLES[self.role]

    def is_valid(self, at: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def opens_with(self, secret: str, at: datetime) -> bool:
        """Whether the secret is this key's, or was until a rotation whose grace has not ended."""
        accepted = [self.secret_hash]
        if self.previous_hash and self.previous_until and at < self.previous_until:
            accepted.append(self.previous_hash)
        digest = _digest(secret)
        return any(hmac.compare_digest(digest, known) for known in accepted)


def find_key(keys: Mapping[str, ApiKey], token: str, at: datetime) -> ApiKey | None:
    """The valid key that a token opens; `keys` by id."""
    prefix, _, rest = token.partition("_")
    key_id, _, secret = rest.partition("_")
    key = keys.get(key_id) if prefix == "vigil" else None
    found = key is not None and key.opens_with(secret, at) and key.is_valid(at)
    return key if found else None


class KeyStore:
    """Keys in the database; all methods raise StoreError when it is down."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def create(
        self,
        name: str,
        role: str,
        tenant: str | None = None,
        days: float | None = None,
        records_per_s: float | None = None,
        records_per_day: int | None = None,
    ) -> tuple[str, str]:
        """(id, token) of a new key; the token is not kept and cannot be shown again."""
        key_id, secret, now_at = secrets.token_hex(4), secrets.token_urlsafe(32), datetime.now(UTC)
        row = {
            "key_id": key_id,
            "name": name,
            "role": role,
            "tenant": tenant,
            "created_at": now_at,
            "expires_at": now_at + timedelta(days=days) if days else None,
            "records_per_s": records_per_s,
            "records_per_day": records_per_day,
            "secret_hash": _digest(secret),
        }
        names = ", ".join(row)
        values = ", ".join(f":{column}" for column in row)
        with self._engine.begin() as connection:
            connection.execute(sa.text(f"INSERT INTO api_keys ({names}) VALUES ({values})"), row)
        return key_id, _token(key_id, secret)

    def rotate(self, key_id: str, grace_s: float) -> str:
        """A new token of the key; the old one works for `grace_s` more. Raises UsageError."""
        secret = secrets.token_urlsafe(32)
        self._change(
            "UPDATE api_keys SET previous_hash = secret_hash, previous_until = :until,"
            " secret_hash = :hash WHERE key_id = :key_id AND revoked_at IS NULL",
            key_id,
            until=datetime.now(UTC) + timedelta(seconds=grace_s),
            hash=_digest(secret),
        )
        return _token(key_id, secret)

    def revoke(self, key_id: str) -> None:
        """End the key; receivers notice within seconds. Raises UsageError for an unknown one."""
        self._change(
            "UPDATE api_keys SET revoked_at = :now WHERE key_id = :key_id AND revoked_at IS NULL",
            key_id,
            now=datetime.now(UTC),
        )

    def _change(self, statement: str, key_id: str, **values: object) -> None:
        with self._engine.begin() as connection:
            done = connection.execute(sa.text(statement), {"key_id": key_id, **values})
        if done.rowcount == 0:
            raise UsageError(f"no key {key_id!r} that is not revoked: see vigil keys list")

    def all(self) -> dict[str, ApiKey]:
        """Every key by its id, oldest first."""
        query = sa.text(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at, key_id")
        with self._engine.connect() as connection:
            keys = [ApiKey(*row) for row in connection.execute(query)]
        return {key.key_id: key for key in keys}

    def note_use(self, used: Mapping[str, tuple[datetime, int]]) -> None:
        """Key → when it was last used and how many records it sent since the last note."""
        with self._engine.begin() as connection:
            for key_id, (used_at, records) in sorted(used.items()):
                values = {"key_id": key_id, "at": used_at, "day": used_at.date(), "n": records}
                connection.execute(
                    sa.text(
                        "UPDATE api_keys SET last_used_at = greatest(last_used_at, :at)"
                        " WHERE key_id = :key_id"
                    ),
                    values,
                )
                connection.execute(
                    sa.text(
                        "INSERT INTO api_key_usage VALUES (:key_id, :day, :n)"
                        " ON CONFLICT (key_id, day)"
                        " DO UPDATE SET records = api_key_usage.records + excluded.records"
                    ),
                    values,
                )

    def sent_on(self, at: datetime) -> dict[str, int]:
        """Key → records it sent on the day (UTC) of `at`, to all receivers."""
        query = sa.text("SELECT key_id, records FROM api_key_usage WHERE day = :day")
        with self._engine.connect() as connection:
            rows = connection.execute(query, {"day": at.date()})
            return {key_id: int(records) for key_id, records in rows}


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(key_id: str, secret: str) -> str:
    return f"vigil_{key_id}_{secret}"

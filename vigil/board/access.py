"""Who looks at the board and what they may do: API keys, told once and kept in a signed cookie."""

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import anyio.to_thread
from starlette.authentication import (
    AuthCredentials,
    AuthenticationBackend,
    AuthenticationError,
    BaseUser,
)
from starlette.requests import HTTPConnection

from vigil.errors import ConfigError, StoreError, UsageError
from vigil.stores.api_keys import ROLES, ApiKey, KeyStore, find_key

COOKIE = "vigil_session"
SESSION_S = 12 * 3600
KEY = "key_id"
# A revoked key opens nothing after that long …
REFRESH_S = 5.0
# … and a new one is known after this.
LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class Visitor(BaseUser):
    """A person: under `name` goes what they do; `role` is one of `ROLES`, empty for a stranger."""

    name: str
    role: str
    signed_in: bool

    @property
    def is_authenticated(self) -> bool:
        """False for strangers, who have to show a key."""
        return bool(self.role)

    @property
    def display_name(self) -> str:
        """What their deeds are signed with."""
        return self.name

    @property
    def scopes(self) -> frozenset[str]:
        """What they may do."""
        return ROLES.get(self.role, frozenset())


STRANGER = Visitor("", "", signed_in=False)


def anonymous_visitor(user: str, no_keys: bool, everybody: bool) -> Visitor:
    """Who comes without a key: `user` themselves, somebody who may look, or a stranger."""
    if no_keys:
        return Visitor(user, "operator", signed_in=False)
    return Visitor("somebody", "viewer", signed_in=False) if everybody else STRANGER


def access_words(anonymous: Visitor) -> str:
    """Who may do what without a key, said aloud at the start."""
    if "operate" in anonymous.scopes:
        return f"Open: whoever reaches it may look and act, as {anonymous.name}, without a key."
    if "read" in anonymous.scopes:
        return "Whoever reaches it may look without a key; an operator's key acts as well."
    return "A key is needed: vigil keys create NAME --role viewer, or operator."


class Unwelcome(UsageError):
    """A token does not open the board; the text says why."""


class KeyRing:
    """All keys, read again when older than five seconds; an outage keeps the last ones valid."""

    def __init__(self, store: Callable[[], KeyStore]) -> None:
        self._store = store
        self._keys: dict[str, ApiKey] | None = None
        self._read_s = 0.0

    def by_token(self, token: str) -> ApiKey | None:
        """The valid key that a token opens; raises StoreError when no key was ever read."""
        now_at = datetime.now(UTC)
        known = find_key(self._fresh(REFRESH_S), token, now_at)
        return known or find_key(self._fresh(LOOK_AGAIN_S), token, now_at)

    def by_id(self, key_id: str) -> ApiKey | None:
        """The key if it is valid still."""
        key = self._fresh(REFRESH_S).get(key_id)
        return key if key and key.is_valid(datetime.now(UTC)) else None

    def _fresh(self, age_s: float) -> dict[str, ApiKey]:
        now_s = time.monotonic()
        if self._keys is None or now_s - self._read_s >= age_s:
            try:
                self._keys = self._store().all()
            except StoreError:
                if self._keys is None:
                    raise
            self._read_s = now_s
        return self._keys


class Door(AuthenticationBackend):
    """Recognises a visitor by a bearer token or by the session; others are `anonymous`."""

    def __init__(self, keys: KeyRing, anonymous: Visitor) -> None:
        self._keys = keys
        self._anonymous = anonymous

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, BaseUser] | None:
        """Only questions need a visitor: the page itself is for everybody."""
        if not conn.url.path.startswith("/api/"):
            return None
        try:
            visitor = await self.visitor(conn)
        except (StoreError, Unwelcome) as error:
            raise AuthenticationError(str(error)) from error
        return AuthCredentials(sorted(visitor.scopes)), visitor

    async def visitor(self, conn: HTTPConnection) -> Visitor:
        """Who it is as of now: a key may have been revoked since the connection was made."""
        scheme, _, token = conn.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return _visitor(await self.key_of(token.strip()))
        if KEY in conn.session:
            key = await anyio.to_thread.run_sync(self._keys.by_id, conn.session[KEY])
            return _visitor(key) if key else self._anonymous
        return self._anonymous

    async def key_of(self, token: str) -> ApiKey:
        """The key that a token opens; raises Unwelcome where it does not open the board."""
        key = await anyio.to_thread.run_sync(self._keys.by_token, token)
        if key is None:
            raise Unwelcome("this is no valid key: see vigil keys list")
        if not key.may("read"):
            raise Unwelcome(f"key {key.key_id} is a {key.role}'s and may not look")
        if key.tenant is not None:
            raise Unwelcome(
                f"key {key.key_id} is bound to tenant {key.tenant}, and the board shows all"
                " tenants: it needs a key without one"
            )
        return key


def _visitor(key: ApiKey) -> Visitor:
    return Visitor(f"{key.name} ({key.key_id})", key.role, signed_in=True)


def session_secret(home: Path) -> str:
    """What cookies are signed with: kept for a restart to end no session, and for nobody to read.

    Raises ConfigError where the home folder takes no file.
    """
    path = home / "board.secret"
    try:
        if not path.exists():
            home.mkdir(parents=True, exist_ok=True)
            # Whole or not at all, also when two boards begin at once; only its owner may read it.
            with NamedTemporaryFile("w", dir=home) as file:
                file.write(secrets.token_urlsafe(32))
                file.flush()
                with suppress(FileExistsError):
                    path.hardlink_to(file.name)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise ConfigError(f"home: {home} cannot hold the board's secret: {error}") from error

"""The gate for senders with API keys: identity, tenant, rate and daily quota.

Keys are kept in memory and refreshed every few seconds, so a request waits for no database and an
outage of the database ends nobody's sending.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from vigil.collect.receive.intake import Caller
from vigil.collect.receive.limits import Refused, TryLater
from vigil.errors import StoreError
from vigil.stores.api_keys import ApiKey, KeyStore, find_key

log = logging.getLogger("vigil.collect")

REFRESH_S = 5.0
# How many seconds of its rate a key may send at once.
BURST_S = 10.0


@dataclass(slots=True)
class Bucket:
    """A token bucket that may go into debt: what a request holds is known once it is decoded."""

    rate: float
    tokens: float
    at_s: float

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next request may come, 0 for now."""
        self.tokens = min(BURST_S * self.rate, self.tokens + (now_s - self.at_s) * self.rate)
        self.at_s = now_s
        return 0.0 if self.tokens > 0 else (1 - self.tokens) / self.rate


@dataclass(slots=True)
class KeyGate:
    """A `Gate` over a store of keys; `refresh` first."""

    store: KeyStore
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    _keys: dict[str, ApiKey] = field(default_factory=dict)
    _sent: dict[str, int] = field(default_factory=dict)
    _unnoted: dict[str, tuple[datetime, int]] = field(default_factory=dict)
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def admit(self, authorization: str | None) -> Caller:
        """See `Gate`."""
        now_at = self.clock()
        key = find_key(self._keys, _bearer(authorization), now_at)
        if key is None:
            raise Refused(401, "a valid API key is needed: authorization: Bearer vigil_…")
        if not key.may("ingest"):
            raise Refused(403, f"key {key.key_id} is a {key.role}'s and may not send")
        self._check_rate(key)
        self._check_quota(key, now_at)
        return Caller(key.key_id, key.tenant)

    def _check_rate(self, key: ApiKey) -> None:
        if key.records_per_s is None:
            return
        now_s, rate = self.monotonic(), key.records_per_s
        bucket = self._buckets.get(key.key_id)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key.key_id] = Bucket(rate, BURST_S * rate, now_s)
        wait_s = bucket.wait_s(now_s)
        if wait_s:
            raise TryLater(f"key {key.key_id} may send {rate:g} records/s", wait_s)

    def _check_quota(self, key: ApiKey, now_at: datetime) -> None:
        most = key.records_per_day
        if most is None:
            return
        unnoted = self._unnoted.get(key.key_id, (now_at, 0))[1]
        if self._sent.get(key.key_id, 0) + unnoted >= most:
            midnight = datetime.combine(now_at.date() + timedelta(days=1), datetime.min.time(), UTC)
            wait_s = (midnight - now_at).total_seconds()
            raise TryLater(f"key {key.key_id} may send {most} records a day (UTC)", wait_s)

    def charge(self, caller: Caller, records: int, payload_bytes: int) -> None:
        """See `Gate`."""
        if caller.key_id is None:
            return
        before = self._unnoted.get(caller.key_id, (None, 0))[1]
        self._unnoted[caller.key_id] = (self.clock(), before + records)
        if caller.key_id in self._buckets:
            self._buckets[caller.key_id].tokens -= records

    def refresh(self) -> None:
        """Note what was sent, then read keys and today's counts; raises StoreError."""
        unnoted, self._unnoted = self._unnoted, {}
        try:
            if unnoted:
                self.store.note_use(unnoted)
        except StoreError:
            for key_id, (used_at, records) in unnoted.items():
                later = self._unnoted.get(key_id, (used_at, 0))
                self._unnoted[key_id] = (later[0], later[1] + records)
            raise
        self._sent = self.store.sent_on(self.clock())
        self._keys = self.store.all()

    async def keep_fresh(self) -> None:
        """Refresh until cancelled; without the database the last known keys stay valid."""
        while True:
            await asyncio.sleep(REFRESH_S)
            try:
                await asyncio.to_thread(self.refresh)
            except StoreError as error:
                log.warning("keys are as they were, the database is down: %s", error)


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""

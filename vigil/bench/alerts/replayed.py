"""The month once more, from a ledger in a real database: what `vigil replay --diff` takes."""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import polars as pl
import sqlalchemy as sa

from vigil.alerts.past import LedgerPast, compare
from vigil.alerts.policy import Policy
from vigil.bench.alerts.estate import START, WINDOW_S
from vigil.events.schema import KEY_COLUMNS
from vigil.stores.database import copy_frame
from vigil.stores.ledger import LedgerKeeper, LedgerSpec
from vigil.stores.score_blocks import SCORES

DAY_S = 86_400
# The other policy waits twice as long, and a quarter of an hour more.
LATER = 2.0, 900.0


class LedgerOfMonth:
    """Keeps the bench's decisions as the scorer and its housekeeping do."""

    def __init__(
        self, engine: sa.Engine, keys: pl.DataFrame, calls: Sequence[tuple[str, str]]
    ) -> None:
        self._engine = engine
        self._past = LedgerPast(engine, WINDOW_S, calls)
        self._keeper = LedgerKeeper(engine, LedgerSpec(hot_h=6))
        with engine.begin() as connection:
            copy_frame(connection, keys.select("key_id", *KEY_COLUMNS).unique("key_id"), "keys")
            copy_frame(connection, keys.select("series_id", "key_id", "metric"), "series")

    def keep(self, rows: pl.DataFrame) -> None:
        """A day of decisions."""
        with self._engine.begin() as connection:
            copy_frame(connection, rows.select(list(SCORES)), "scores")
        self._keeper.tidy()

    def replay(self, policy: Policy, days: int) -> dict[str, Any]:
        """Seconds that two policies take, reading included, and what differs between them."""
        factor, more_s = LATER
        rules = policy.incidents
        waits = {name: factor * value + more_s for name, value in rules.rules().confirm_s.items()}
        later = policy.model_copy(
            update={"incidents": rules.model_copy(update={"confirm_s": waits})}
        )
        began = time.perf_counter()
        results = self._past.replay([policy, later], START, START + timedelta(days=days))
        took_s = time.perf_counter() - began
        return {
            "seconds": round(took_s, 1),
            "times_real_time": round(days * DAY_S / took_s),
            **compare(["as it is", "later"], results)["counts"],
        }

"""The model registry: backtest numbers, bundles, and which bundle is the champion.

Numbers and the pointer live in the database, bundles in a folder. A promotion is a row: history is
never rewritten, the champion is the newest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from vigil.errors import BundleError, UsageError
from vigil.stores.bundle import BundleArrays, load_bundle, write_bundle
from vigil.stores.trials import TrialStore, follow_promotion

# How the history tells a rollback, and from what, before its reason.
ROLLED_BACK_FROM = "rollback from "


def rollback_reason(bundle_id: str, reason: str) -> str:
    """How the history tells that a bundle was rolled back from."""
    return f"{ROLLED_BACK_FROM}{bundle_id}: {reason}"


@dataclass(frozen=True, slots=True)
class Champion:
    """The promoted bundle."""

    bundle_id: str
    path: Path
    promoted_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class RegisteredBundle:
    """A bundle and what is known of it."""

    bundle_id: str
    manifest: Mapping[str, Any]
    made_at: datetime

    @property
    def score(self) -> float:
        """The backtest number that bundles compete with: mean MASE, lower is better."""
        return float(self.manifest["backtest"]["mase"])


class Registry:
    """Reads and writes the registry's tables and folder."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder / "bundles"
        self.trials = TrialStore(engine)

    def record_backtests(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep fold results: the columns of table `backtests`, `scores` as a dictionary."""
        statement = sa.text(
            "INSERT INTO backtests (run_id, candidate, role, library, series_group, fold, scores,"
            " fit_s, trained_from, trained_to) VALUES (:run_id, :candidate, :role, :library,"
            " :series_group, :fold, CAST(:scores AS jsonb), :fit_s, :trained_from, :trained_to)"
        )
        values = [{**row, "scores": orjson.dumps(row["scores"]).decode()} for row in rows]
        if values:
            with self._engine.begin() as connection:
                connection.execute(statement, values)

    def backtests(self, run_id: str) -> list[dict[str, Any]]:
        """Fold results of one run."""
        query = sa.text("SELECT * FROM backtests WHERE run_id = :run_id ORDER BY backtest_id")
        with self._engine.connect() as connection:
            return [dict(row) for row in connection.execute(query, {"run_id": run_id}).mappings()]

    def add(self, manifest: Mapping[str, Any], arrays: BundleArrays) -> Path:
        """Write the bundle and enter it."""
        path = write_bundle(self._folder, manifest, arrays)
        statement = sa.text(
            "INSERT INTO bundles (bundle_id, manifest) VALUES (:id, CAST(:manifest AS jsonb))"
            " ON CONFLICT (bundle_id) DO UPDATE SET manifest = excluded.manifest"
        )
        values = {"id": manifest["bundle_id"], "manifest": orjson.dumps(manifest).decode()}
        with self._engine.begin() as connection:
            connection.execute(statement, values)
        return path

    def path(self, bundle_id: str) -> Path:
        """Folder of the bundle."""
        return self._folder / bundle_id

    def score(self, bundle_id: str) -> float:
        """Backtest number of a bundle; raises UsageError for an unknown one."""
        return self._known(bundle_id).score

    def bundles(self) -> list[RegisteredBundle]:
        """All bundles, the newest first."""
        query = sa.text(
            "SELECT bundle_id, manifest, made_at FROM bundles ORDER BY made_at DESC, bundle_id"
        )
        with self._engine.connect() as connection:
            return [RegisteredBundle(*row) for row in connection.execute(query)]

    def promote(self, bundle_id: str, reason: str) -> Champion:
        """Make a bundle the champion; raises UsageError for an unknown one, BundleError for one
        that cannot be loaded. A promotion ends the running trial and begins the new champion's
        probation, with the former one in its shadow.
        """
        self._known(bundle_id)
        load_bundle(self.path(bundle_id))
        former = self.champion()
        back = reason.startswith(ROLLED_BACK_FROM)
        statement = sa.text("INSERT INTO promotions (bundle_id, reason) VALUES (:id, :reason)")
        with self._engine.begin() as connection:
            connection.execute(statement, {"id": bundle_id, "reason": reason})
            former_id = former.bundle_id if former else None
            follow_promotion(connection, former_id, bundle_id, reason, back)
        champion = self.champion()
        assert champion is not None
        return champion

    def rollback(self, reason: str) -> Champion:
        """Promote what was champion before the present one; raises BundleError for none."""
        earlier = self.earlier_champion()
        present = self.champion()
        if earlier is None or present is None:
            raise BundleError("there is no earlier champion to go back to")
        return self.promote(earlier, rollback_reason(present.bundle_id, reason))

    def earlier_champion(self) -> str | None:
        """The bundle that a rollback would go to.

        Rolling back twice goes back two: bundles that were rolled back from are passed over.
        """
        history = self.history()
        told = [item.reason for item in history if item.reason.startswith(ROLLED_BACK_FROM)]
        left = {reason.removeprefix(ROLLED_BACK_FROM).split(":")[0] for reason in told}
        passed = {*left, *(item.bundle_id for item in history[:1])}
        return next((item.bundle_id for item in history if item.bundle_id not in passed), None)

    def champion(self) -> Champion | None:
        """The newest promotion; one indexed row, cheap enough to ask each second."""
        history = self._promotions("ORDER BY promotion_id DESC LIMIT 1")
        return history[0] if history else None

    def history(self) -> list[Champion]:
        """All promotions, the newest first."""
        return self._promotions("ORDER BY promotion_id DESC")

    def _known(self, bundle_id: str) -> RegisteredBundle:
        bundles = self.bundles()
        found = next((item for item in bundles if item.bundle_id == bundle_id), None)
        if found is None:
            names = ", ".join(item.bundle_id for item in bundles[:5]) or "none"
            raise UsageError(f"no bundle {bundle_id!r} in the registry (newest: {names})")
        return found

    def _promotions(self, order: str) -> list[Champion]:
        query = sa.text(f"SELECT bundle_id, promoted_at, reason FROM promotions {order}")
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [Champion(row[0], self.path(row[0]), row[1], row[2]) for row in rows]

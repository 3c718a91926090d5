"""When a challenger deserves to be champion."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from assets.resources import VigilResource
from vigil.stores.registry import Registry

# A challenger must be better by this share: promotions for nothing only make noise.
LEAST_GAIN = 0.01


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision on one challenger."""

    promote: bool
    reason: str


def judge(challenger_mase: float, champion_mase: float | None) -> Verdict:
    """Compare backtest MASE, lower is better; without a champion any challenger wins."""
    if champion_mase is None:
        return Verdict(True, f"first bundle, MASE {challenger_mase:.3f}")
    if challenger_mase < champion_mase * (1 - LEAST_GAIN):
        return Verdict(True, f"MASE {challenger_mase:.3f} beats {champion_mase:.3f}")
    return Verdict(False, f"MASE {challenger_mase:.3f} does not beat {champion_mase:.3f}")


def consider(registry: Registry, cursor: str | None) -> tuple[str | None, str | None, str]:
    """(bundle to promote or None, new cursor, reason): looks at the newest unseen bundle."""
    bundles = registry.bundles()
    if not bundles or bundles[0].bundle_id == cursor:
        return None, cursor, "no new bundle"
    newest, champion = bundles[0], registry.champion()
    scores = {bundle.bundle_id: bundle.score for bundle in bundles}
    if champion is not None and champion.bundle_id == newest.bundle_id:
        return None, newest.bundle_id, f"{newest.bundle_id} is champion already"
    verdict = judge(newest.score, scores[champion.bundle_id] if champion else None)
    chosen = newest.bundle_id if verdict.promote else None
    return chosen, newest.bundle_id, verdict.reason


def promotion_sensor(job: Any) -> dg.SensorDefinition:
    """A sensor that requests `job` for a challenger that wins; the cursor is the last one seen."""

    @dg.sensor(
        name="promote_better_challenger",
        job=job,
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def promote_better_challenger(
        context: dg.SensorEvaluationContext, vigil: VigilResource
    ) -> dg.SensorResult | dg.SkipReason:
        with vigil.registry() as registry:
            bundle_id, cursor, reason = consider(registry, context.cursor)
        if bundle_id is None:
            if cursor:
                context.update_cursor(cursor)
            return dg.SkipReason(reason)
        config = {"ops": {"champion": {"config": {"bundle_id": bundle_id, "reason": reason}}}}
        request = dg.RunRequest(run_key=bundle_id, run_config=config)
        return dg.SensorResult(run_requests=[request], cursor=cursor)

    return promote_better_challenger

"""When the champion has to go: its p-values do not hold on the live stream, or it is too loud."""

from datetime import timedelta
from typing import Any

import dagster as dg

from assets.resources import VigilResource
from vigil.backtest.drift import calibration_drift
from vigil.backtest.trial import DEFAULT_RULES, STRANGE_P, Ruling
from vigil.stores.registry import rollback_reason
from vigil.stores.trials import PROBATION
from vigil.trials import verdict

WATCHED = timedelta(hours=6)


def rollback_sensor(job: Any) -> dg.SensorDefinition:
    """A sensor that requests `job` with the champion before, where calibration is broken, or where
    there are far more pages than the former champion has on the same traffic.
    """

    @dg.sensor(
        name="roll_back_broken_champion",
        description="Makes the former champion champion again where the present one's p-values do"
        " not hold in many series, or where it pages far more than the former one in its shadow.",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def roll_back_broken_champion(vigil: VigilResource) -> dg.RunRequest | dg.SkipReason:
        with vigil.registry() as registry:
            champion, earlier = registry.champion(), registry.earlier_champion()
            running = registry.trials.open()
            probation = running if running and running.purpose == PROBATION else None
            pages = verdict(registry, probation, DEFAULT_RULES) if probation else None
        if champion is None or earlier is None:
            return dg.SkipReason("no champion to go back to")
        with vigil.windows() as store:
            counts = store.calibration(champion.bundle_id, STRANGE_P, WATCHED)
        calibration = calibration_drift(counts)
        broken, reason = calibration.matters, f"p-values: {calibration.words}"
        loud = pages is not None and pages.ruling is Ruling.ROLL_BACK
        if not broken and not loud:
            return dg.SkipReason(f"{reason}; {pages.reason}" if pages else reason)
        if pages is not None and loud:
            reason = pages.reason
        config = {"bundle_id": earlier, "reason": rollback_reason(champion.bundle_id, reason)}
        return dg.RunRequest(
            run_key=f"rollback from {champion.bundle_id} at {champion.promoted_at.isoformat()}",
            run_config={"ops": {"champion": {"config": config}}},
        )

    return roll_back_broken_champion

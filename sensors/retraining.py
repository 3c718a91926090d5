"""When to learn again: when the world has moved, as the drift checks see it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from assets.checks import DRIFT_CHECKS

# A training run sees the same days as the one before for a while: what has not helped once will
# not help again an hour later.
LEAST_BETWEEN = timedelta(hours=12)

Evaluated = tuple[datetime, bool, str]


def decide(
    checks: Mapping[str, Evaluated], trained_at: datetime | None, now: datetime
) -> tuple[bool, str]:
    """(learn again, why) from each check's (evaluated at, passed, words) and the last training."""
    fresh = {
        name: found for name, found in checks.items() if trained_at is None or found[0] > trained_at
    }
    failed = [f"{name}: {words}" for name, (_, passed, words) in fresh.items() if not passed]
    if not fresh:
        return False, "no drift check has run since the last training"
    if not failed:
        return False, "; ".join(f"{name}: {words}" for name, (_, _, words) in fresh.items())
    if trained_at is not None and now - trained_at < LEAST_BETWEEN:
        waits = (trained_at + LEAST_BETWEEN - now).total_seconds() / 3600
        return False, f"{'; '.join(failed)}; trained lately, next in {waits:.1f} h at the earliest"
    return True, "; ".join(failed)


def retraining_sensor(job: Any) -> dg.SensorDefinition:
    """A sensor that requests `job` where a drift check has failed since the last training."""

    @dg.sensor(
        name="retrain_when_drifted",
        description="Trains again where data, residuals or p-values have drifted since the last"
        " training, twice a day at most. Nothing is promoted by that: a new bundle has to win.",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def retrain_when_drifted(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        trained = context.instance.get_latest_materialization_event(dg.AssetKey("training_set"))
        trained_at = trained and datetime.fromtimestamp(trained.timestamp, UTC)
        checks = _evaluated(context.instance)
        again, why = decide(checks, trained_at, datetime.now(UTC))
        if not again:
            return dg.SkipReason(why)
        newest = max(at for at, _, _ in checks.values())
        return dg.RunRequest(run_key=f"drift at {newest.isoformat()}", tags={"vigil/why": why})

    return retrain_when_drifted


def _evaluated(instance: dg.DagsterInstance) -> dict[str, Evaluated]:
    """The last evaluation of each drift check that has run."""
    records = instance.event_log_storage.get_latest_asset_check_execution_by_key(DRIFT_CHECKS)
    found = {}
    for key, record in records.items():
        event, evaluation = record.event, record.evaluation
        if event is None or evaluation is None:
            continue
        at = datetime.fromtimestamp(event.timestamp, UTC)
        found[key.name] = (at, evaluation.passed, str(evaluation.metadata["drift"].value))
    return found

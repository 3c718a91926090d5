"""A challenger on trial: the replay of the past beside the champion, and how a trial ends."""

import dagster as dg
from pydantic import Field

from assets.partitions import patient
from assets.resources import VigilResource
from vigil import trials

REPLAY_DAYS = 14


class TrialConfig(dg.Config):
    """Which bundle, and how much of the past."""

    bundle_id: str = Field(description="a bundle of the registry; `vigil models` lists them")
    days: int = Field(REPLAY_DAYS, ge=1, le=90, description="days of windows to replay")


class VerdictConfig(dg.Config):
    """How a trial ends without a promotion."""

    trial_id: int = Field(description="`vigil models` lists trials")
    verdict: str = Field("refused", description="refused, or kept for a champion on probation")
    reason: str = Field("by hand", description="kept in the history of trials")


@dg.asset(
    deps=["challenger"], retry_policy=patient, group_name="models", kinds={"postgres", "polars"}
)
def trial(config: TrialConfig, vigil: VigilResource) -> dg.MaterializeResult:
    """A challenger put into the champion's shadow, and the last days replayed with both of them.

    Nothing is promoted: the sensor waits for the shadow's hours on the live stream. A challenger
    whose backtest is no better is refused at once.
    """
    with vigil.registry() as registry:
        running = trials.begin(registry, config.bundle_id)
        if running is None:
            [refused, *_] = registry.trials.history()
            facts = {"bundle_id": config.bundle_id, "verdict": "refused", "reason": refused.reason}
            return dg.MaterializeResult(metadata=facts)
        with vigil.windows() as store:
            found = trials.replay(registry, running, store.engine, vigil.settings(), config.days)
        verdict = trials.verdict(registry, running, trials.trial_rules(vigil.settings()))
    rows = [
        f"| {change['change']} | {change['at']} | {change['title']} | {change['reason']} |"
        for change in found["changes"]
    ]
    table = "\n".join(["| page | at | title | reason |", "|---|---|---|---|", *rows])
    return dg.MaterializeResult(
        metadata={
            "bundle_id": config.bundle_id,
            "champion": running.champion_id,
            "days": found["days"],
            "pages_champion": found["champion"],
            "pages_challenger": found["challenger"],
            "changes": dg.MetadataValue.md(table if rows else "the same pages"),
            "verdict": str(verdict.ruling),
            "reason": verdict.reason,
        }
    )


@dg.asset(deps=["trial"], group_name="models", kinds={"postgres"})
def trial_verdict(config: VerdictConfig, vigil: VigilResource) -> dg.MaterializeResult:
    """The end of a trial without a promotion: a challenger refused, or a champion kept."""
    with vigil.registry() as registry:
        record = registry.trials.record(config.trial_id)
        registry.trials.end(config.trial_id, config.verdict, config.reason)
    return dg.MaterializeResult(
        metadata={
            "trial": config.trial_id,
            "verdict": config.verdict,
            "reason": config.reason,
            "hours": record.hours,
            "pages_champion": record.champion_pages,
            "pages_shadow": record.shadow_pages,
        }
    )

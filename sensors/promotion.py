"""What becomes of a challenger: on trial, promoted, or sent away. Jobs do what is decided here."""

from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg

from assets.resources import VigilResource
from vigil.backtest.trial import DEFAULT_RULES, Ruling, TrialRules
from vigil.stores.registry import Registry
from vigil.stores.trials import KEPT, REFUSED, Trial
from vigil.trials import score_verdict, trial_rules, verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, with which bundle, and why; `cursor` is the newest bundle that was looked at."""

    action: Literal["promote", "challenge", "conclude", "wait"]
    reason: str
    cursor: str | None
    bundle_id: str = ""
    trial: Trial | None = None

    def request(self) -> dg.RunRequest:
        """The run that does it; the same decision again is the same run."""
        number = f" of trial {self.trial.trial_id}" if self.trial else ""
        match self.action:
            case "promote":
                key, asset = f"{self.bundle_id}{number}", "champion"
                config: dict[str, Any] = {"bundle_id": self.bundle_id, "reason": self.reason}
            case "challenge":
                key, asset = f"trial of {self.bundle_id}", "trial"
                config = {"bundle_id": self.bundle_id}
            case _:
                assert self.trial is not None
                key, asset = f"end{number}", "trial_verdict"
                kept = self.trial.champion_id == self.bundle_id
                config = {
                    "trial_id": self.trial.trial_id,
                    "verdict": KEPT if kept else REFUSED,
                    "reason": self.reason,
                }
        run_config = {"ops": {asset: {"config": config}}}
        return dg.RunRequest(run_key=key, run_config=run_config, job_name=self.action)


def consider(registry: Registry, cursor: str | None, rules: TrialRules = DEFAULT_RULES) -> Decision:
    """The running trial first; without one, the newest bundle that was not looked at yet."""
    running = registry.trials.open()
    if running is not None:
        return _on_trial(registry, running, cursor, rules)
    bundles, champion = registry.bundles(), registry.champion()
    if not bundles or bundles[0].bundle_id == cursor:
        return Decision("wait", "no new bundle", cursor)
    newest = bundles[0].bundle_id
    if champion is None:
        return Decision("promote", score_verdict(registry, newest).reason, newest, newest)
    if champion.bundle_id == newest:
        return Decision("wait", f"{newest} is champion already", newest)
    return Decision("challenge", f"{newest} challenges {champion.bundle_id}", newest, newest)


def _on_trial(registry: Registry, trial: Trial, cursor: str | None, rules: TrialRules) -> Decision:
    found = verdict(registry, trial, rules)
    match found.ruling:
        case Ruling.PROMOTE:
            return Decision("promote", found.reason, cursor, trial.shadow_id, trial)
        case Ruling.REFUSE:
            return Decision("conclude", found.reason, cursor, trial.shadow_id, trial)
        case Ruling.KEEP:
            return Decision("conclude", found.reason, cursor, trial.champion_id, trial)
    who = f"{trial.shadow_id} in the shadow of {trial.champion_id}"
    return Decision("wait", f"{who}: {found.reason}", cursor)


def promotion_sensor(promote: Any, challenge: Any, conclude: Any) -> dg.SensorDefinition:
    """A sensor that requests these jobs; the cursor is the last bundle looked at."""

    @dg.sensor(
        name="promote_better_challenger",
        description="Puts a new bundle on trial in the champion's shadow, and promotes it when its"
        " backtest is better, a replay of the past gives no more pages, and the shadow holds.",
        jobs=[promote, challenge, conclude],
        minimum_interval_seconds=5,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def promote_better_challenger(
        context: dg.SensorEvaluationContext, vigil: VigilResource
    ) -> dg.SensorResult | dg.SkipReason:
        with vigil.registry() as registry:
            decision = consider(registry, context.cursor, trial_rules(vigil.settings()))
        if decision.action == "wait":
            if decision.cursor:
                context.update_cursor(decision.cursor)
            return dg.SkipReason(decision.reason)
        return dg.SensorResult(run_requests=[decision.request()], cursor=decision.cursor)

    return promote_better_challenger

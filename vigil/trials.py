"""A trial step by step: the backtest's word, the replay of the past, the shadow, the verdict.

The Dagster assets and the command line both call these; the rules are in `vigil.backtest.trial`.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from vigil.alerts.model_past import ModelPast
from vigil.alerts.past import LedgerPast, compare
from vigil.alerts.policy import configured_policy
from vigil.backtest.trial import (
    Ruling,
    TrialRules,
    Verdict,
    judge_challenge,
    judge_probation,
    judge_score,
)
from vigil.config import Settings
from vigil.detect import DetectorSettings
from vigil.detect.rules import rules_with
from vigil.errors import UsageError
from vigil.stores.bundle import load_bundle
from vigil.stores.registry import Registry
from vigil.stores.trials import CHALLENGE, Trial
from vigil.windows.tumbling import WindowSpec

CHANGES_KEPT = 50


def trial_rules(settings: Settings) -> TrialRules:
    """The rules in force."""
    return TrialRules(shadow_h=settings.shadow_h)


def score_verdict(registry: Registry, bundle_id: str) -> Verdict:
    """Whether its backtest is better than the champion's."""
    champion = registry.champion()
    score = registry.score(bundle_id)
    return judge_score(score, registry.score(champion.bundle_id) if champion else None)


def begin(registry: Registry, bundle_id: str) -> Trial | None:
    """Put a bundle into the champion's shadow; None where its backtest is no better, which is kept.

    A bundle that is there already stays in its trial. Raises UsageError without a champion, for
    the champion itself, and while another trial runs.
    """
    champion = registry.champion()
    if champion is None:
        raise UsageError(f"there is no champion that {bundle_id} could challenge: promote it")
    if champion.bundle_id == bundle_id:
        raise UsageError(f"{bundle_id} is the champion")
    running = registry.trials.open()
    if running and running.purpose == CHALLENGE and running.shadow_id == bundle_id:
        return running
    score = score_verdict(registry, bundle_id)
    if score.ruling is Ruling.REFUSE:
        registry.trials.refuse(champion.bundle_id, bundle_id, score.reason)
        return None
    return registry.trials.start(champion.bundle_id, bundle_id)


def replay(
    registry: Registry,
    trial: Trial,
    engine: sa.Engine,
    settings: Settings,
    days: int,
    done: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """The last days through champion and challenger under the policy in force; kept in the trial.

    Returns days, pages of the `champion` and the `challenger`, and each page that the challenger
    adds, removes or moves. `done` is called once a day.
    """
    spec = WindowSpec(settings.window_s, settings.out_of_order_s, settings.lateness_s)
    detector = DetectorSettings(
        request_alert_rate=settings.alert_rate, rules=rules_with(settings.gates)
    )
    past = ModelPast(engine, spec, detector)
    end_at = LedgerPast(engine, settings.window_s).newest()
    if end_at is None:
        raise UsageError("there are no windows to replay")
    models = [load_bundle(registry.path(name)) for name in (trial.champion_id, trial.shadow_id)]
    policy = configured_policy(settings)
    results = past.replay(models, policy, end_at - timedelta(days=days), end_at, done)
    report = compare(("champion", "challenger"), results)
    found = {"days": days, **report["counts"], "changes": report["changes"][:CHANGES_KEPT]}
    registry.trials.set_replay(trial.trial_id, found)
    return found


def verdict(registry: Registry, trial: Trial, rules: TrialRules) -> Verdict:
    """What is to be done about a running trial, from all that is known of it."""
    record = registry.trials.record(trial.trial_id)
    if trial.purpose != CHALLENGE:
        return judge_probation(record, rules)
    return judge_challenge(score_verdict(registry, trial.shadow_id), trial.replay, record, rules)

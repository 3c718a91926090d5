"""Rules of a trial: three conditions before a promotion, one look back after it."""

import pytest

from vigil.backtest.trial import (
    Ruling,
    ShadowRecord,
    Verdict,
    judge_challenge,
    judge_probation,
    judge_score,
)

BETTER = judge_score(0.8, 0.9)
EVEN = {"days": 14, "champion": 5, "challenger": 5}
HELD = ShadowRecord(
    hours=6, windows=10_000, champion_flagged=20, shadow_flagged=18, champion_strange=90,
    shadow_strange=95, champion_pages=2, shadow_pages=1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("challenger", "champion", "ruling"),
    [
        (0.9, None, Ruling.PROMOTE),
        (0.95, 0.9, Ruling.REFUSE),
        (0.899, 0.9, Ruling.REFUSE),
        (0.8, 0.9, Ruling.WAIT),
    ],
    ids=["first", "worse", "hardly better", "better"],
)
def test_a_backtest_has_to_be_better_by_a_share(challenger, champion, ruling):
    """Without a champion any wins."""
    assert judge_score(challenger, champion).ruling is ruling


@pytest.mark.parametrize(
    ("replay", "changes", "ruling", "said"),
    [
        (None, {}, Ruling.WAIT, "the replay of the past has not run yet"),
        (EVEN | {"challenger": 6}, {}, Ruling.REFUSE, "6 pages in a replay of 14 days"),
        (EVEN, {"hours": 5}, Ruling.WAIT, "5 of 6 h in the shadow"),
        (EVEN, {"shadow_pages": 3}, Ruling.REFUSE, "3 pages in 6 h in the shadow, the champion 2"),
        (EVEN, {"hours": 5, "shadow_pages": 3}, Ruling.WAIT, "5 of 6 h"),
        (EVEN, {"shadow_strange": 400}, Ruling.REFUSE, "p at or below 1% in 4.0% of 10000"),
        (EVEN, {"shadow_strange": 400, "champion_strange": 500}, Ruling.PROMOTE, "MASE"),
        (EVEN, {}, Ruling.PROMOTE, "MASE 0.800 beats 0.900; 5 pages in a replay of 14 days"),
    ],
)  # fmt: skip
def test_a_challenger_needs_score_replay_and_shadow(replay, changes, ruling, said):
    """Each condition alone keeps it from becoming champion, and the reason has its numbers."""
    fields = {name: getattr(HELD, name) for name in ShadowRecord.__slots__}
    verdict = judge_challenge(BETTER, replay, ShadowRecord(**fields | changes))
    assert verdict.ruling is ruling
    assert said in verdict.reason


def test_a_lost_backtest_ends_a_trial_whatever_else_holds():
    """The champion may have changed meanwhile."""
    lost = judge_score(1.0, 0.9)
    assert judge_challenge(lost, EVEN, HELD) == Verdict(Ruling.REFUSE, lost.reason)


@pytest.mark.parametrize(
    ("hours", "champion", "control", "ruling"),
    [
        (2, 3, 0, Ruling.ROLL_BACK),
        (2, 2, 0, Ruling.WAIT),
        (30, 9, 5, Ruling.KEEP),
        (30, 11, 5, Ruling.ROLL_BACK),
        (24, 1, 4, Ruling.KEEP),
    ],
    ids=["loud at once", "a page or two", "a busy day for both", "twice as loud", "quieter"],
)
def test_a_new_champion_is_measured_by_the_former_one(hours, champion, control, ruling):
    """An incident pages both; only pages beyond the control's count against it."""
    record = ShadowRecord(hours=hours, champion_pages=champion, shadow_pages=control)
    assert judge_probation(record).ruling is ruling

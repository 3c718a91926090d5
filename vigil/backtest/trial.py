"""Rules of a trial: when a challenger becomes champion, and when a new champion has to go.

A challenger must have the better backtest, no more pages in a replay of the past, and hold for
some hours in the shadow of the champion on the live stream. Then the roles change: the former
champion goes on in the shadow, as the control that says how many pages the same traffic is worth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vigil.wording import counted


class Ruling(StrEnum):
    """What is to be done about a trial."""

    WAIT = "wait"
    PROMOTE = "promote"
    REFUSE = "refuse"
    ROLL_BACK = "roll back"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision, and why in words for the history."""

    ruling: Ruling
    reason: str


@dataclass(frozen=True, slots=True)
class ShadowRecord:
    """What champion and shadow made of the same live windows.

    `hours` of event time; flagged windows; strange ones, with p <= STRANGE_P; pages, the incidents
    that somebody would have been told of.
    """

    hours: int = 0
    windows: int = 0
    champion_flagged: int = 0
    shadow_flagged: int = 0
    champion_strange: int = 0
    shadow_strange: int = 0
    champion_pages: int = 0
    shadow_pages: int = 0


@dataclass(frozen=True, slots=True)
class TrialRules:
    """least_gain: share by which a backtest score must be lower, since promotions for nothing only
    make noise. shadow_h and probation_h: event time before and after a promotion. most_strange: how
    many times as often as asked a p may be at or below STRANGE_P. Pages beyond the control's are
    too many from most_extra_pages on, where there are more than twice as many.
    """

    least_gain: float = 0.01
    shadow_h: float = 6.0
    probation_h: float = 24.0
    most_strange: float = 3.0
    most_extra_pages: int = 3


STRANGE_P = 0.01
DEFAULT_RULES = TrialRules()


def judge_score(
    challenger_mase: float, champion_mase: float | None, rules: TrialRules = DEFAULT_RULES
) -> Verdict:
    """Compare backtest MASE, lower is better; without a champion any challenger wins.

    >>> judge_score(0.8, 0.9).reason
    'MASE 0.800 beats 0.900'
    """
    if champion_mase is None:
        return Verdict(Ruling.PROMOTE, f"first bundle, MASE {challenger_mase:.3f}")
    if challenger_mase < champion_mase * (1 - rules.least_gain):
        return Verdict(Ruling.WAIT, f"MASE {challenger_mase:.3f} beats {champion_mase:.3f}")
    said = f"MASE {challenger_mase:.3f} does not beat {champion_mase:.3f}"
    return Verdict(Ruling.REFUSE, said)


def judge_challenge(
    score: Verdict,
    replay: Mapping[str, float] | None,
    record: ShadowRecord,
    rules: TrialRules = DEFAULT_RULES,
) -> Verdict:
    """The verdict on a challenger in the shadow.

    `replay`: `days`, and pages of the `champion` and the `challenger`; None until it has run.
    """
    if score.ruling is Ruling.REFUSE:
        return score
    if replay is None:
        return Verdict(Ruling.WAIT, f"{score.reason}; the replay of the past has not run yet")
    replayed = (
        f"{counted(replay['challenger'], 'page')} in a replay of {counted(replay['days'], 'day')},"
        f" the champion {replay['champion']:.0f}"
    )
    if replay["challenger"] > replay["champion"]:
        return Verdict(Ruling.REFUSE, replayed)
    live = (
        f"{counted(record.shadow_pages, 'page')} in {record.hours} h in the shadow,"
        f" the champion {record.champion_pages}"
    )
    if record.shadow_pages > record.champion_pages and record.hours >= rules.shadow_h:
        return Verdict(Ruling.REFUSE, live)
    if record.hours < rules.shadow_h:
        waiting = f"{record.hours} of {rules.shadow_h:g} h in the shadow"
        return Verdict(Ruling.WAIT, f"{score.reason}; {replayed}; {waiting}")
    share = record.shadow_strange / max(1, record.windows)
    if share > rules.most_strange * STRANGE_P and record.shadow_strange > record.champion_strange:
        said = f"p at or below {STRANGE_P:.0%} in {share:.1%} of {record.windows} live windows"
        return Verdict(Ruling.REFUSE, said)
    return Verdict(Ruling.PROMOTE, f"{score.reason}; {replayed}; {live}")


def judge_probation(record: ShadowRecord, rules: TrialRules = DEFAULT_RULES) -> Verdict:
    """The verdict on a new champion, from the former one in its shadow."""
    said = (
        f"{counted(record.champion_pages, 'page')} in {record.hours} h,"
        f" the former champion would have had {record.shadow_pages}"
    )
    extra = record.champion_pages - record.shadow_pages
    if extra >= rules.most_extra_pages and extra > record.shadow_pages:
        return Verdict(Ruling.ROLL_BACK, said)
    if record.hours < rules.probation_h:
        return Verdict(Ruling.WAIT, f"{record.hours} of {rules.probation_h:g} h on probation")
    return Verdict(Ruling.KEEP, said)

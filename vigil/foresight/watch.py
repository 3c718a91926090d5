"""Objectives looked ahead at: will one break within hours, and may anybody be warned of it.

An objective breaks when the share of bad requests exceeds what it allows for three steps of five
minutes on end. Every look is kept with what came of it; a warning is made only where the record of
its group (objectives of one kind) deserves it, and carries that record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from vigil.forecast.breach import LEAST_STEPS, Threshold, first_breach, forecast_breach
from vigil.forecast.record import TRIGGER, BreachRecord, Standing, recalibrated, replay, standing
from vigil.foresight.bad_share import STEP_S, BadShare, read_bad_share
from vigil.foresight.looks import LookStore
from vigil.incidents.own import OwnIncident
from vigil.incidents.rules import WARNING
from vigil.objectives.openslo import Objective, in_words
from vigil.stores.own_incidents import set_own_incident
from vigil.stores.timescale import WindowStore

STREAM = "vigil.foresight"
HORIZON_STEPS = 48
PERSIST_STEPS = 3
HISTORY = timedelta(days=7)
# A group without a record gets one from its own past: a look each hour.
REPLAY_EVERY_STEPS = 12
# A warning ends when the probability has halved.
ENDS_BELOW = TRIGGER / 2


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is expected of one objective.

    probability: of a break within the horizon, recalibrated by the record; None where there is too
    little history, 1 where it is broken already. hours: quantiles 10, 50 and 90 % of the time to
    the break, NaN where no simulated future breaks. warned: somebody is told.
    """

    objective: str
    kind: str
    probability: float | None
    hours: tuple[float, float, float]
    reason: str
    record: Standing
    warned: bool


def look_ahead(engine: sa.Engine, objectives: Sequence[Objective], at: datetime) -> list[Outlook]:
    """Settle earlier looks, look again at `at`, keep it, and open or end warnings.

    Looking twice at one instant changes nothing. Windows at or after `at` are not looked at.
    """
    store = WindowStore(engine)
    shares = [read_bad_share(store, objective, at - HISTORY, at) for objective in objectives]
    with engine.begin() as connection:
        looks = LookStore(connection)
        for objective, share in zip(objectives, shares, strict=True):
            _settle(looks, objective, share)
        records = {
            kind: looks.record(
                [item.name for item in objectives if item.kind == kind], STEP_S, HORIZON_STEPS
            )
            for kind in {item.kind for item in objectives}
        }
        outlooks = []
        for objective, share in zip(objectives, shares, strict=True):
            outlook, raw = _outlook(objective, share, records[objective.kind])
            if raw is not None:
                looks.add(objective.name, at, raw)
            _tell(connection, objective, outlook, at)
            outlooks.append(outlook)
    return outlooks


def _threshold(objective: Objective) -> Threshold:
    return Threshold(1 - objective.target, above=True, persist_steps=PERSIST_STEPS)


def _settle(looks: LookStore, objective: Objective, share: BadShare) -> None:
    """Give earlier looks what came of them; a new objective gets looks at its own past."""
    threshold, n = _threshold(objective), len(share.value)
    if not looks.known(objective.name):
        origins = np.arange(LEAST_STEPS, n, REPLAY_EVERY_STEPS)
        past = replay(share.value, share.day_steps, threshold, HORIZON_STEPS, origins)
        looks.add_settled(objective.name, share.instants(past.step), past.probability,
                          past.lead_steps * STEP_S)  # fmt: skip
        return
    for at in looks.waiting(objective.name):
        origin = round((at.timestamp() - share.start_s) / STEP_S)
        if origin < PERSIST_STEPS:
            looks.forget(objective.name, at)
            continue
        if origin >= n:
            continue
        after = share.value[origin - PERSIST_STEPS + 1 : origin + HORIZON_STEPS]
        lead = first_breach(after[None], threshold)[0] - (PERSIST_STEPS - 1)
        broke = lead < len(after) - (PERSIST_STEPS - 1)
        if broke or origin + HORIZON_STEPS <= n:
            looks.settle(objective.name, at, float(lead * STEP_S) if broke else None)


def _outlook(
    objective: Objective, share: BadShare, record: BreachRecord
) -> tuple[Outlook, float | None]:
    """(what is expected, the probability before recalibration where it can be judged later)."""
    threshold, figures = _threshold(objective), standing(record)
    unknown = (np.nan, np.nan, np.nan)
    if len(share.value) < LEAST_STEPS:
        steps = len(share.value)
        reason = (
            f"{steps} steps of five minutes are too few ({LEAST_STEPS} needed)" if steps
            else f"no requests of {in_words(objective.select)}"
        )  # fmt: skip
        return Outlook(objective.name, objective.kind, None, unknown, reason, figures, False), None
    if (share.value[-PERSIST_STEPS:] > threshold.value).all():
        reason = f"broken now: {share.value[-1]:.2%} of the requests are bad"
        return Outlook(objective.name, objective.kind, 1.0, unknown, reason, figures, False), None
    found = forecast_breach(share.value, share.day_steps, threshold, HORIZON_STEPS)
    probability = float(recalibrated(np.array([found.within]), record)[0])
    first, middle, last = (step * STEP_S / 3_600 for step in found.steps_to_breach)
    reason = found.reason(threshold, STEP_S, float(share.value[-1]))
    warned = probability >= TRIGGER and figures.deserves_warnings
    outlook = Outlook(
        objective.name, objective.kind, probability, (first, middle, last), reason, figures, warned
    )
    return outlook, found.within


def _tell(connection: sa.Connection, objective: Objective, outlook: Outlook, at: datetime) -> None:
    """Open a warning, or end the one that is open."""
    over = (outlook.probability or 0.0) < ENDS_BELOW
    wrong = True if outlook.warned else False if over else None
    set_own_incident(connection, _incident(objective, outlook), at, wrong)


def _incident(objective: Objective, outlook: Outlook) -> OwnIncident:
    hours, record = HORIZON_STEPS * STEP_S / 3_600, outlook.record
    service = objective.select.get("service")
    return OwnIncident(
        stream=STREAM,
        origin=objective.name,
        prefix=f"ahead-{objective.name}",
        severity=WARNING,
        title=f"{objective.name} breaks its objective within {hours:g} h with probability"
        f" {outlook.probability or 0:.2f}",
        reason=f"{outlook.reason}; {record_in_words(record)}",
        cause=f"bad requests exceed the {1 - objective.target:.3%} that {objective.name} allows",
        services=[service] if service else [],
    )


def record_in_words(record: Standing) -> str:
    """What earlier warnings of the group were worth."""
    if not record.warnings:
        return f"no warning on record, {record.forecasts} looks"
    true = round(record.hit_rate * record.warnings)
    lead = record.lead_steps * STEP_S / 3_600
    ahead = "" if np.isnan(lead) else f", {lead:.1f} h ahead at the median"
    return f"of the last {record.warnings} such warnings {true} came true{ahead}"


def outlook_row(outlook: Outlook) -> dict[str, Any]:
    """For a table or JSON."""
    return {
        "objective": outlook.objective,
        "probability": None if outlook.probability is None else round(outlook.probability, 3),
        "hours_p10_p50_p90": [None if np.isnan(hour) else round(hour, 2) for hour in outlook.hours],
        "warned": outlook.warned,
        "reason": outlook.reason,
        "record": record_in_words(outlook.record),
        "deserves_warnings": outlook.record.deserves_warnings,
    }

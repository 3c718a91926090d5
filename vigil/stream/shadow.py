"""The shadow: a second model scores the live stream beside the champion, and pages nobody.

It takes the windows that the champion has just scored, decides on them with a detector and
incidents of its own, and only counts. It begins with a copy of the champion's state, so that from
then on the models alone make the difference; a promotion makes the two change places.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from vigil.alerts.message import alert_document
from vigil.backtest.trial import STRANGE_P
from vigil.incidents.grouping import OPENED, REOPENED, IncidentTracker
from vigil.stores.bundle import Bundle
from vigil.stores.trials import CHAMPION, SHADOW, SHADOW_HOURS, SHADOW_PAGES, Trial
from vigil.stream.scoring import DECIDED, Scoring

PAGES = frozenset({OPENED, REOPENED})
Trackers = Mapping[str, IncidentTracker]


@dataclass(frozen=True, slots=True)
class Watched:
    """What a step adds to the record of a trial, as rows of its tables."""

    hours: pl.DataFrame
    pages: pl.DataFrame


class Shadow:
    """One model in the shadow of another, for a trial."""

    def __init__(
        self, trial_id: int, champion_id: str, shadow_id: str, scoring: Scoring, trackers: Trackers
    ) -> None:
        self.trial_id = trial_id
        self.champion_id, self.shadow_id = champion_id, shadow_id
        self.scoring, self.trackers = scoring, trackers

    @classmethod
    def begin(cls, trial: Trial, bundle: Bundle, champion: Scoring, trackers: Trackers) -> "Shadow":
        """With what the champion knows and with its open incidents, both copied."""
        scoring = champion.copy()
        scoring.bundle = bundle
        names = (trial.trial_id, trial.champion_id, trial.shadow_id)
        return cls(*names, scoring, _copied(trackers))

    def go_on(self, trial: Trial, bundle: Bundle, trackers: Trackers) -> None:
        """The same model, after a restart or in its next trial, which begins even."""
        self.scoring.bundle = bundle
        if trial.trial_id != self.trial_id:
            self.trial_id, self.trackers = trial.trial_id, _copied(trackers)

    def change_places(self, champion: Scoring, bundle: Bundle) -> Scoring:
        """The scoring of the shadow, promoted; the champion's own takes its place."""
        promoted, self.scoring = self.scoring, champion
        promoted.bundle = bundle
        self.champion_id, self.shadow_id = self.shadow_id, self.champion_id
        return promoted

    def watch(
        self, scored: Mapping[str, pl.DataFrame], told: Iterable[Mapping[str, Any]]
    ) -> Watched:
        """Decide on the windows that the champion has scored; `told`: its alert documents."""
        own = {
            topic: self.scoring.score(rows.drop(DECIDED).rename({"actual": "value"}))
            for topic, rows in scored.items()
        }
        changes = [
            alert_document(action, incident, tracker.topology)
            for topic, tracker in self.trackers.items()
            for action, incident in tracker.update(own[topic])
        ]
        for tracker in self.trackers.values():
            tracker.take_joined()
        champion, shadow = _tally(scored, CHAMPION), _tally(own, SHADOW)
        hours = champion.join(shadow.drop("windows"), on="hour")
        pages = [*self._pages(CHAMPION, told), *self._pages(SHADOW, changes)]
        return Watched(
            hours.with_columns(trial_id=pl.lit(self.trial_id)).select(
                pl.col(name).cast(kind) for name, kind in SHADOW_HOURS.items()
            ),
            pl.DataFrame(pages, schema=SHADOW_PAGES, orient="row"),
        )

    def _pages(self, role: str, documents: Iterable[Mapping[str, Any]]) -> list[tuple]:
        return [
            (self.trial_id, role, item["alert_id"], datetime.fromisoformat(item["at"]),
             item["severity"], item["title"])
            for item in documents
            if item["action"] in PAGES
        ]  # fmt: skip

    def state(self) -> tuple[dict[str, pl.DataFrame], dict[str, np.ndarray], dict[str, Any]]:
        """(frames, arrays, document) for the checkpoint."""
        document = {
            "trial_id": self.trial_id,
            "champion_id": self.champion_id,
            "shadow_id": self.shadow_id,
            "incidents": {topic: tracker.state() for topic, tracker in self.trackers.items()},
        }
        return self.scoring.state(), self.scoring.detector.state(), document

    @classmethod
    def restored(
        cls,
        state: tuple[Mapping[str, pl.DataFrame], Mapping[str, np.ndarray], dict[str, Any]],
        champion: Scoring,
        trackers: Trackers,
    ) -> "Shadow":
        """From `state()`; it has no bundle before `go_on`."""
        frames, arrays, document = state
        scoring, own = champion.copy(), _copied(trackers)
        scoring.restore(frames, arrays)
        for topic, tracker in own.items():
            tracker.restore(document["incidents"][topic])
            tracker.topology = trackers[topic].topology
        names = (document["trial_id"], document["champion_id"], document["shadow_id"])
        return cls(*names, scoring, own)


def _copied(trackers: Trackers) -> Trackers:
    return {topic: tracker.copy() for topic, tracker in trackers.items()}


def _tally(scored: Mapping[str, pl.DataFrame], role: str) -> pl.DataFrame:
    """Windows by hour: all, the flagged and the strange; a revision is no new window."""
    rows = pl.concat(frame.drop("worst_traces") for frame in scored.values())
    return (
        rows.filter(pl.col("revision") == 0)
        .group_by(hour=pl.col("window_start").dt.truncate("1h"))
        .agg(
            pl.len().alias("windows"),
            pl.col("flagged").sum().alias(f"{role}_flagged"),
            (pl.col("p") <= STRANGE_P).sum().alias(f"{role}_strange"),
        )
    )

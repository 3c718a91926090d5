"""The windows of the past through several models: the pages that each would have sent.

`vigil.alerts.past` sends decisions that were made through policies; here windows are decided on
anew, by the detector with each model's expectations, and what follows goes through one policy.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import polars as pl
import sqlalchemy as sa

from vigil.alerts.past import learnt_calls
from vigil.alerts.policy.schema import Policy
from vigil.alerts.replay import Replayed, TopicReplays
from vigil.detect import DetectorSettings, OnlineDetector
from vigil.detect.feedback import learn_labels
from vigil.stores.bundle import Bundle
from vigil.stores.labels import LabelStore
from vigil.stores.timescale import WindowStore
from vigil.stream.scoring import Scoring
from vigil.windows.tumbling import WindowSpec

DAY = timedelta(days=1)
# The detector has to know a season before its pages count; where there is less, all models suffer.
WARM_UP = timedelta(days=2)
# Silence is looked for this often.
STEP = timedelta(hours=1)


class ModelPast:
    """Windows of one database, decided on anew."""

    def __init__(self, engine: sa.Engine, spec: WindowSpec, settings: DetectorSettings) -> None:
        self._store = WindowStore(engine)
        self._spec, self._settings = spec, settings
        self._calls = learnt_calls(engine)
        self._labels = LabelStore(engine).placed()
        self._names = self._store.series()

    def replay(
        self,
        models: Sequence[Bundle | None],
        policy: Policy,
        start_at: datetime,
        end_at: datetime,
        done: Callable[[], object] = lambda: None,
    ) -> list[Replayed]:
        """Pages between the two instants with each model, None for none; `done` once a day.

        A model answers with its profile for times before its training ended: it has seen them, so
        a replay is kinder to it than the live stream, and the same for all.
        """
        runs = [_Run(model, self._spec, self._settings, policy, self._calls) for model in models]
        for at, observed in self._hours(start_at - WARM_UP, end_at, done):
            absent_until = at + STEP
            due = [label for window, label in self._labels if at <= window < absent_until]
            for run in runs:
                scored = [run.scoring.score(observed)]
                silent = run.scoring.absences(int(absent_until.timestamp() * 1e6))
                if silent.height:
                    scored.append(run.scoring.score(self._absent(silent)))
                if at >= start_at:
                    run.feed(pl.concat(scored, how="diagonal"))
                learn_labels(run.scoring.detector, due)
        return [run.result() for run in runs]

    def _hours(
        self, start_at: datetime, end_at: datetime, done: Callable[[], object]
    ) -> Iterator[tuple[datetime, pl.DataFrame]]:
        """Observations with their names, hour by hour; read day by day."""
        names = self._names.drop("key_id", "metric")
        day = start_at
        while day < end_at:
            until = min(day + DAY, end_at)
            observed = self._store.observations(day, until).join(names, on="series_id")
            for at in pl.datetime_range(day, until, STEP, closed="left", eager=True):
                within = (pl.col("window_start") >= at) & (pl.col("window_start") < at + STEP)
                yield at, observed.filter(within)
            day = until
            done()

    def _absent(self, silent: pl.DataFrame) -> pl.DataFrame:
        """Observations of nothing."""
        nothing = silent.with_columns(
            revision=pl.lit(0, pl.Int32), value=pl.lit(None, pl.Float64), weight=pl.lit(1.0)
        )
        return nothing.join(self._names, on="series_id")


class _Run:
    """One model on its way through the past."""

    def __init__(
        self,
        model: Bundle | None,
        spec: WindowSpec,
        settings: DetectorSettings,
        policy: Policy,
        calls: Sequence[tuple[str, str]],
    ) -> None:
        self.scoring = Scoring(spec, OnlineDetector(settings))
        self.scoring.bundle = model and model.in_hindsight()
        self._replays = TopicReplays(policy, spec.window_s, calls)

    def feed(self, scored: pl.DataFrame) -> None:
        """Let incidents and pages follow from decisions."""
        traces = pl.lit(None, pl.List(pl.String)).alias("worst_traces")
        self._replays.feed(
            scored.with_columns(traces).sort("window_start", "revision", "series_id")
        )

    def result(self) -> Replayed:
        """Pages of all streams."""
        return self._replays.result()

"""What `train` and `backtest` share: the training data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import polars as pl

from vigil.config import load_settings
from vigil.features.grid import TrainingSet, training_set
from vigil.features.labelled import learnable
from vigil.stores.database import open_database
from vigil.stores.labels import LabelStore
from vigil.stores.registry import Registry
from vigil.stores.timescale import WindowStore
from vigil.workbench import known_deploys


@contextmanager
def load_training(
    start_at: datetime | None, end_at: datetime | None
) -> Iterator[tuple[Registry, pl.DataFrame, TrainingSet]]:
    """(registry, observations, training set) of a range, by default of all windows."""
    settings = load_settings()
    engine = open_database(settings)
    store = WindowStore(engine)
    span = store.span()
    now = datetime.now().astimezone()
    first, last = span or (now, now)
    start_at, end_at = start_at or first, end_at or last + timedelta(seconds=settings.window_s)
    labels = LabelStore(engine)
    observations = learnable(store.observations(start_at, end_at), labels.labelled())
    deploys = known_deploys(store, start_at, end_at)
    training = training_set(observations, start_at, end_at, deploys=deploys)
    yield Registry(engine, settings.registry_path), observations, training
    engine.dispose()

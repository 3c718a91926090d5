"""Training set, backtests of all candidates, and the challenger bundle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
from pydantic import Field, field_validator

from assets.links import LinksResource
from assets.partitions import fresh_weekly, patient
from assets.resources import VigilResource
from vigil.features.grid import TrainingSet, training_set
from vigil.features.labelled import learnable
from vigil.stores.labels import LabelStore

DEFAULT_DAYS = 28


class TrainingConfig(dg.Config):
    """Which range to train on, and how thoroughly to compare candidates."""

    start: str = Field("", description="ISO 8601, UTC; empty: four weeks before the end")
    end: str = Field("", description="ISO 8601, UTC, not included; empty: the newest window")
    series_per_group: int = Field(4, ge=1, description="representative series of each metric")
    folds: int = Field(2, ge=1, le=20, description="origins that each candidate is judged from")

    @field_validator("start", "end")
    @classmethod
    def _is_an_instant(cls, text: str) -> str:
        if text:
            try:
                datetime.fromisoformat(text)
            except ValueError as error:
                raise ValueError(
                    f"must be empty or an ISO 8601 instant such as 2026-03-02T00:00:00+00:00,"
                    f" got {text!r}"
                ) from error
        return text


def _range(config: TrainingConfig, vigil: VigilResource) -> tuple[datetime, datetime]:
    with vigil.windows() as store:
        span = store.span()
    now = datetime.now(UTC)
    first, last = span or (now - timedelta(days=1), now)
    end_at = datetime.fromisoformat(config.end) if config.end else last + timedelta(hours=1)
    earliest = max(first, end_at - timedelta(days=DEFAULT_DAYS))
    return (datetime.fromisoformat(config.start) if config.start else earliest), end_at


def _training_paths(vigil: VigilResource) -> tuple[Path, Path]:
    """Of the observations and of the deploys."""
    folder = vigil.folder("training")
    return folder / "observations.parquet", folder / "deploys.parquet"


def _load(vigil: VigilResource, config: TrainingConfig) -> tuple[pl.DataFrame, TrainingSet]:
    """The training set that the asset before wrote: all of a run's steps see the same data."""
    frame, deploys = (pl.read_parquet(path) for path in _training_paths(vigil))
    start_at, end_at = _range(config, vigil)
    return frame, training_set(frame, start_at, end_at, deploys=deploys)


@dg.asset(
    name="training_set",
    deps=["features"],
    retry_policy=patient,
    group_name="training",
    kinds={"parquet"},
)
def training_set_asset(config: TrainingConfig, vigil: VigilResource) -> dg.MaterializeResult:
    """Series that can be learnt from, and why the others cannot.

    Incidents that operators confirmed are left out, and what was before a confirmed change.
    """
    from vigil.workbench import known_deploys, require_series

    start_at, end_at = _range(config, vigil)
    with vigil.windows() as store:
        labels = LabelStore(store.engine)
        frame = learnable(store.observations(start_at, end_at), labels.labelled())
        counts = labels.counts(start_at, end_at)
        deploys = known_deploys(store, start_at, end_at)
    training = training_set(frame, start_at, end_at, deploys=deploys)
    require_series(training)
    for kept, path in zip((frame, deploys), _training_paths(vigil), strict=True):
        kept.write_parquet(path)
    reasons = "\n".join(f"- {number}: {why}" for number, why in training.excluded.items())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": frame.height,
            "series": len(training.series),
            "excluded": dg.MetadataValue.md(reasons or "none"),
            "deploys": deploys["at"].n_unique(),
            "labels": counts,
            "data_hash": training.data_hash,
            "start_at": start_at.isoformat(),
            "end_at": end_at.isoformat(),
        },
        data_version=dg.DataVersion(training.data_hash[:16]),
    )


@dg.asset(
    deps=["training_set"], retry_policy=patient, group_name="training", kinds={"darts", "sktime"}
)
def backtests(
    context: dg.AssetExecutionContext, config: TrainingConfig, vigil: VigilResource
) -> dg.MaterializeResult:
    """All candidates by rolling origin; the numbers go into the registry."""
    from vigil.backtest.candidate import find_candidates
    from vigil.backtest.folds import backtest
    from vigil.backtest.results import standings
    from vigil.workbench import quiet_libraries, record

    quiet_libraries()
    _, training = _load(vigil, config)
    results = backtest(
        training,
        find_candidates(),
        config.series_per_group,
        config.folds,
        lambda done, total, what: context.log.info(f"{done}/{total} {what}"),
    )
    with vigil.registry() as registry:
        record(registry, context.run.run_id, training, results)
    table = ["| role | group | candidate | library | score |", "|---|---|---|---|---|"]
    table += [
        f"| {row.role} | {row.series_group} | {row.candidate} | {row.library} | {row.score:.3f} |"
        for row in standings(results)
    ]
    return dg.MaterializeResult(
        metadata={"folds": len(results), "standings": dg.MetadataValue.md("\n".join(table))}
    )


@dg.asset(
    deps=["backtests"],
    retry_policy=patient,
    freshness_policy=fresh_weekly,
    group_name="models",
    kinds={"darts", "sktime"},
)
def challenger(
    context: dg.AssetExecutionContext,
    config: TrainingConfig,
    vigil: VigilResource,
    links: LinksResource,
) -> dg.MaterializeResult:
    """The winners, fitted on everything, as a bundle in the registry. Nothing is promoted here."""
    from assets.plots import lines_plot, markdown
    from vigil.backtest.candidate import find_candidates
    from vigil.workbench import challenger_plots, fold_results, make_challenger, quiet_libraries

    quiet_libraries()
    frame, training = _load(vigil, config)
    with vigil.registry() as registry:
        results = fold_results(registry, context.run.run_id)
        made = make_challenger(
            registry,
            training,
            frame,
            results,
            find_candidates(),
            lambda done, total, what: context.log.debug(f"{done}/{total} {what}"),
        )
        panels = challenger_plots(registry, made.bundle_id, training)
    return dg.MaterializeResult(
        metadata={
            "bundle_id": made.bundle_id,
            "mase": made.mase,
            "series": made.series,
            "winners": made.winners,
            "plot": markdown(lines_plot("Forecast against the last day", panels)),
            **links.of_model(vigil),
        }
    )

"""What was changed shortly before: deploys, configuration, feature flags."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from vigil.errors import InputError

KINDS = ("deploy", "config", "flag", "infrastructure", "other")
CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "at": pl.Datetime("us", "UTC"),
    "kind": pl.String,
    "service": pl.String,
    "environment": pl.String,
    "version": pl.String,
    "author": pl.String,
    "description": pl.String,
}

# Most faults that a change brings show within the hour, the likelier the sooner.
LOOK_BACK = timedelta(hours=2)
HALF_LIFE = timedelta(minutes=20)
# Coincidence in time alone is weak evidence: less than any clear residual.
MOST = 0.3


@dataclass(frozen=True, slots=True)
class Change:
    """A change; `service` or `environment` is None where it concerns all of them.

    Raises InputError for an unknown kind or an instant without a zone.
    """

    at: datetime
    kind: str
    service: str | None = None
    environment: str | None = None
    version: str | None = None
    author: str | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if self.at.tzinfo is None:
            raise InputError(f"at must have a time zone, got {self.at.isoformat()}")


def changes_frame(changes: Iterable[Change]) -> pl.DataFrame:
    """Changes as a frame, columns `CHANGES`."""
    rows = [{name: getattr(change, name) for name in CHANGES} for change in changes]
    return pl.DataFrame(rows, schema=CHANGES)


def blame_changes(changes: pl.DataFrame, at: datetime, components: Collection[str]) -> pl.DataFrame:
    """Blame of each component that was changed before `at`: `component`, `score` (0 to 0.3),
    `words`; the newest change of each.

    `changes`: columns `CHANGES`. A change of a service without environment concerns it in all of
    them; one of neither concerns nobody in particular and blames nobody.
    """
    recent = changes.filter(
        pl.col("at").is_between(at - LOOK_BACK, at) & pl.col("service").is_not_null()
    )
    places = pl.DataFrame({"component": sorted(components)}, schema={"component": pl.String})
    split = places.with_columns(
        service=pl.col("component").str.splitn("@", 2).struct.field("field_0"),
        place=pl.col("component").str.splitn("@", 2).struct.field("field_1"),
    )
    age_min = (pl.lit(at) - pl.col("at")).dt.total_seconds() / 60
    half_life_min = HALF_LIFE.total_seconds() / 60
    return (
        recent.join(split, on="service")
        .filter(
            pl.col("environment").is_null()
            | (pl.col("environment") == pl.col("place")).fill_null(False)
        )
        .sort("at", descending=True)
        .unique("component", keep="first", maintain_order=True)
        .select(
            "component",
            score=MOST * pl.lit(0.5).pow(age_min / half_life_min),
            words=pl.concat_str(
                "kind",
                pl.col("version").fill_null(""),
                "description",
                pl.format("{} min before", age_min.round().cast(pl.Int64)),
                separator=" ",
            ).str.replace_all(r" +", " "),
        )
    )

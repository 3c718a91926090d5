"""Whether a whole environment is slow rather than one of its services."""

from dataclasses import dataclass

import polars as pl

from vigil.rootcause.blocks import NOW

LEAST_SERVICES = 3
# Nearly all inside, hardly any outside.
INSIDE, OUTSIDE = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class SlowPlace:
    """`slow` of `services` in the environment lost time in themselves, `others_slow` of `others`
    elsewhere."""

    environment: str
    slow: int
    services: int
    others_slow: int
    others: int

    def sentence(self) -> str:
        """`6 of 6 services in aws-prod lost time in themselves, 0 of 5 elsewhere`."""
        return (
            f"{self.slow} of {self.services} services in {self.environment} lost time in"
            f" themselves, {self.others_slow} of {self.others} elsewhere"
        )


def slow_place(spans: pl.DataFrame, elements: pl.DataFrame) -> SlowPlace | None:
    """The environment where nearly every service is slower in itself, and hardly any elsewhere is.

    `spans`: linked, with `environment` and `block`; `elements`: of `excess_by_element`. Needs three
    services inside and one outside.
    """
    inside = elements.filter(pl.col("callee").is_null())["component"].unique()
    known = (
        spans.filter((pl.col("block") == NOW) & pl.col("environment").is_not_null())
        .select("component", "environment")
        .unique()
        .with_columns(slow=pl.col("component").is_in(inside.implode()))
    )
    whole, whole_slow = known.height, int(known["slow"].sum())
    for environment, services, slow in (
        known.group_by("environment")
        .agg(services=pl.len(), slow=pl.col("slow").sum())
        .sort("slow", "environment", descending=[True, False])
        .iter_rows()
    ):
        others, others_slow = whole - services, whole_slow - slow
        if services < LEAST_SERVICES or not others:
            continue
        if slow >= INSIDE * services and others_slow <= OUTSIDE * others:
            return SlowPlace(environment, slow, services, others_slow, others)
    return None

"""Where time is lost: each hop's own time against what it used to take.

An *element* is where time passes: inside an operation of a service, or on the wire and in queues
between two services. Its excess is what it takes beyond its past, over all its requests.
"""

import polars as pl

from vigil.rootcause.blocks import NOW

# A deviation counts from here on, in standard deviations of the past's block means …
LEAST_Z = 3.0
# … which are at least this part of the mean: less is the noise of any machine.
LEAST_SPREAD = 0.15
LEAST_SPREAD_MS = 0.2
LEAST_SPANS = 3
MAD_TO_DEVIATION = 1.4826
_ELEMENT = ("component", "operation", "callee")


def excess_by_element(spans: pl.DataFrame) -> pl.DataFrame:
    """Elements that got slower: `component`, `operation`, `callee` (null inside a service),
    `requests`, `expected_ms`, `actual_ms` (means), `z`, `excess_ms` (sum over the requests).

    `spans`: linked, with `self_ms`, `callee`, `block`. Expected is the median of the past's block
    means, its spread their median absolute deviation: neither minds earlier incidents.
    """
    by_block = (
        spans.group_by(*_ELEMENT, "block")
        .agg(mean_ms=pl.col("self_ms").mean(), requests=pl.len())
        .filter((pl.col("requests") >= LEAST_SPANS) | (pl.col("block") == NOW))
    )
    past = (
        by_block.filter(pl.col("block") != NOW)
        .group_by(*_ELEMENT)
        .agg(
            expected_ms=pl.col("mean_ms").median(),
            mad_ms=(pl.col("mean_ms") - pl.col("mean_ms").median()).abs().median(),
        )
        .with_columns(
            spread_ms=MAD_TO_DEVIATION * pl.col("mad_ms")
            + LEAST_SPREAD * pl.col("expected_ms")
            + LEAST_SPREAD_MS
        )
    )
    now = by_block.filter((pl.col("block") == NOW) & (pl.col("requests") >= LEAST_SPANS))
    return (
        now.join(past, on=_ELEMENT, nulls_equal=True)
        .with_columns(z=(pl.col("mean_ms") - pl.col("expected_ms")) / pl.col("spread_ms"))
        .filter(pl.col("z") > LEAST_Z)
        .select(
            *_ELEMENT,
            "requests",
            "expected_ms",
            actual_ms="mean_ms",
            z="z",
            excess_ms=(pl.col("mean_ms") - pl.col("expected_ms")) * pl.col("requests"),
        )
        .sort("excess_ms", *_ELEMENT, descending=[True, False, False, False])
    )


def blame_excess(spans: pl.DataFrame, elements: pl.DataFrame) -> pl.DataFrame:
    """Blame of each component: `component`, `excess_ms`, `score` (0 to 1).

    Time inside a service is its own. Time between two services is put down to each of them by how
    many of its connections are slow: one whose every connection is slow has a bad network, one
    with a single slow connection a bad neighbour. The score is the service's part of all excess,
    times the part of the requests' time that the excess makes up.
    """
    inside = elements.filter(pl.col("callee").is_null()).select("component", "excess_ms")
    between = elements.filter(pl.col("callee").is_not_null()).select(
        "component", "callee", "excess_ms"
    )
    calls = spans.filter((pl.col("block") == NOW) & pl.col("callee").is_not_null())
    slow = _ends(between.select("component", "callee").unique()).group_by("end").agg(slow=pl.len())
    sick = (
        _ends(calls.select("component", "callee").unique())
        .group_by("end")
        .agg(connections=pl.len())
        .join(slow, on="end")
        .select("end", sick=pl.col("slow") / pl.col("connections"))
    )
    shared = (
        between.join(sick.rename({"end": "component", "sick": "caller_sick"}), on="component")
        .join(sick.rename({"end": "callee", "sick": "callee_sick"}), on="callee")
        .with_columns(
            # Squared, so that the sicker end takes nearly all.
            part=pl.col("callee_sick") ** 2
            / (pl.col("callee_sick") ** 2 + pl.col("caller_sick") ** 2)
        )
    )
    blame = pl.concat(
        [
            inside,
            shared.select("component", excess_ms=pl.col("excess_ms") * (1 - pl.col("part"))),
            shared.select(component="callee", excess_ms=pl.col("excess_ms") * pl.col("part")),
        ]
    )
    spent_ms = spans.filter(pl.col("block") == NOW)["self_ms"].sum()
    return (
        blame.group_by("component")
        .agg(pl.col("excess_ms").sum())
        .with_columns(score=pl.col("excess_ms") / spent_ms)
        .sort("score", "component", descending=[True, False])
    )


def _ends(connections: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([connections.select(end="component"), connections.select(end="callee")])

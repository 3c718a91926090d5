"""Series with too little in them, and what is done with each kind."""

from collections import defaultdict
from dataclasses import dataclass

from vigil.plan.warmup import SeriesWarmth

# A latency that has its least traffic in fewer windows than this share is seldom judged.
SELDOM = 0.1
SLOW_S = 86_400.0
EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Sparse:
    """One kind of sparse series: why, what is done, how many, and some of them."""

    reason: str
    treatment: str
    series: int
    examples: tuple[str, ...]


def sparse_series(series: tuple[SeriesWarmth, ...]) -> tuple[Sparse, ...]:
    """Kinds of sparse series, the commonest first; one series may be of several kinds."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in series:
        name = f"{item.metric} of {item.service}{item.route}"
        for kind in _kinds(item):
            kinds[kind].append(name)
    found = [
        Sparse(reason, treatment, len(names), tuple(sorted(names)[:EXAMPLES]))
        for (reason, treatment), names in kinds.items()
    ]
    return tuple(sorted(found, key=lambda kind: -kind.series))


def _kinds(item: SeriesWarmth) -> list[tuple[str, str]]:
    kinds = []
    if item.metric.startswith("latency") and item.busy < SELDOM * item.windows:
        kinds.append((
            "too few requests in most windows",
            "judged only in windows with enough requests (gate `least_traffic`); its rate is"
            " always judged",
        ))  # fmt: skip
    if item.warm_s == float("inf"):
        kinds.append(("no value in the sample", "not judged until it has values"))
    elif item.warm_s > SLOW_S:
        kinds.append(("warms up for more than a day", "not flagged before; its score says so"))
    if item.unfit.startswith("values"):
        kinds.append((
            "always the same value",
            "no model is trained; the detector flags changes of unusual size",
        ))  # fmt: skip
    elif item.unfit:
        kinds.append((
            "fewer than half of the steps have a value",
            "no model is trained; the online detector alone expects values",
        ))  # fmt: skip
    return kinds

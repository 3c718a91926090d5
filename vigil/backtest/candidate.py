"""A candidate: which model, with which parameters, competes in which role."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Literal

from vigil.detect.library import SeriesDetector
from vigil.errors import UsageError
from vigil.forecast.contract import Forecaster

ENTRY_POINTS = "vigil.candidates"


@dataclass(frozen=True, slots=True)
class Candidate:
    """`build` makes a fresh model for a season of that many steps.

    A forecaster's expectation goes into bundles. Detectors compete in the workbench; the stream
    runs the one marked `deployable`, whose state a scorer can hold. `sparse_only`: competes only
    for series that are mostly zero.
    """

    name: str
    role: Literal["forecaster", "detector"]
    library: str
    build: Callable[[int], Forecaster | SeriesDetector]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    deployable: bool = True
    sparse_only: bool = False


def find_candidates(names: Sequence[str] = ()) -> list[Candidate]:
    """Installed candidates (entry points of group `vigil.candidates`), all or the named ones.

    Raises UsageError for an unknown name.
    """
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    unknown = set(names) - set(found)
    if unknown:
        raise UsageError(
            f"no candidate {sorted(unknown)[0]!r}; there are {', '.join(sorted(found))}"
        )
    return [found[name].load() for name in sorted(names or found)]

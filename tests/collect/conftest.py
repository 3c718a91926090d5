"""A receiver that listens, for the tests of a module or of one test."""

from collections.abc import Callable, Iterator

import pytest
from listening import Listening, listening


@pytest.fixture
def listen() -> Callable[..., object]:
    """See `listening`."""
    return listening


@pytest.fixture(scope="module")
def collector() -> Iterator[Listening]:
    """A receiver with everything as it is by default."""
    with listening() as found:
        yield found

"""What runs for ever goes on after an outage of its log or database, from what is committed."""

import logging
import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

from vigil.errors import DependencyError

log = logging.getLogger("vigil.score")

FIRST_RETRY_S, LAST_RETRY_S = 0.5, 10.0
# Who lasted this long was well: the next outage is a new one.
CALM_S = 60.0

T = TypeVar("T")


def through_outages(
    live: Callable[[Callable[[], None]], T], stop: Event, drain: bool = False
) -> T | None:
    """What `live` returns, begun anew after each outage; None when asked to stop between two.

    `live` calls what it is given once it is up. What is down before that for the first time, or
    with `drain` at any time, raises DependencyError.
    """
    retry_s = FIRST_RETRY_S
    began_s: float | None = None

    def is_up() -> None:
        nonlocal began_s
        began_s = time.monotonic()

    while True:
        try:
            return live(is_up)
        except DependencyError as error:
            if drain or began_s is None:
                raise
            if time.monotonic() - began_s > CALM_S:
                retry_s = FIRST_RETRY_S
            log.warning("%s; going on from the last checkpoint in %.1f s", error, retry_s)
            if stop.wait(retry_s):
                return None
            retry_s = min(2 * retry_s, LAST_RETRY_S)

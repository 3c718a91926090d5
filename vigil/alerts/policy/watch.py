"""The policy in force while a process runs: its file is read again when it changes.

A file that is wrong changes nothing: the policy before stays in force, and what is wrong is said.
"""

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from vigil.alerts.policy.load import configured_policy
from vigil.alerts.policy.schema import Policy
from vigil.config import Settings
from vigil.errors import ConfigError

log = logging.getLogger("vigil.alerts")

EVERY_S = 1.0

# What a file is recognised by; None where it cannot be read.
_Stamp = tuple[int, int, int] | None


class PolicyWatch:
    """Looks at the file, and the calendars it names, about once a second.

    `followers` are told of each new policy, in order. The first may refuse it with ConfigError;
    then the others never hear of it.
    """

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        followers: Sequence[Callable[[Policy], None]] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.policy = policy
        self.problem = ""
        self._settings = settings
        self._followers = followers
        self._clock = clock
        self._stamps = self._look()
        self._looked_s = clock()

    def refresh(self) -> bool:
        """True where another policy is in force from now on."""
        if not self._settings.policy or self._clock() - self._looked_s < EVERY_S:
            return False
        self._looked_s = self._clock()
        stamps = self._look()
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            policy = configured_policy(self._settings)
            for follower in self._followers:
                follower(policy)
        except ConfigError as error:
            self.problem = str(error)
            log.error("%s; the policy before stays in force", error)
            return False
        self.policy, self.problem = policy, ""
        self._stamps = self._look()
        log.info("policy %s was read again and is in force", self._settings.policy)
        return True

    def _look(self) -> dict[Path, _Stamp]:
        named = [Path(self._settings.policy).expanduser()] if self._settings.policy else []
        calendars = [rule.calendar for rule in self.policy.maintenance]
        return {path: _stamp(path) for path in (*named, *calendars)}


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

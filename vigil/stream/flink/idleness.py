"""Which partitions are silent, as opposed to not read yet."""

Place = tuple[str, int]


class Idleness:
    """A partition is idle when nothing came from it for a while, although the others were read to
    their ends all that time. All times are epoch milliseconds by one clock.

    After an outage the partitions catch up at different speed: one that is merely behind must be
    waited for, or its events would be late.
    """

    def __init__(self, idle_after_ms: int) -> None:
        self.idle_after_ms = idle_after_ms
        self._arrived_ms: dict[Place, int] = {}
        self._any_ms = 0
        self._fresh_since_ms = 0

    def arrived(self, place: Place, appended_ms: int, now_ms: int) -> None:
        """A message came that the log took at `appended_ms`."""
        gap = now_ms - self._any_ms > self.idle_after_ms
        behind = now_ms - appended_ms > self.idle_after_ms
        if gap or behind:
            self._fresh_since_ms = now_ms
        self._any_ms = self._arrived_ms[place] = now_ms

    def idle(self, places: list[Place], now_ms: int) -> list[Place]:
        """Those of the places that are not worth waiting for."""
        if not self.is_busy(now_ms):
            return []
        return [
            place
            for place in places
            if now_ms - max(self._arrived_ms.get(place, 0), self._fresh_since_ms)
            > self.idle_after_ms
        ]

    def is_busy(self, now_ms: int) -> bool:
        """True where something came from any of them of late."""
        return now_ms - self._any_ms <= self.idle_after_ms

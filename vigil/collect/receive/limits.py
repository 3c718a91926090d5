"""What a receiver takes from its senders, and the errors that say it is enough."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ReceiverLimits:
    """Bounds of a request, a connection and of everything that waits.

    `ratio`: how many times its compressed size a body may become; small ones may always become
    `small_bytes`, since a few spans compress well.
    """

    body_bytes: int = 16 << 20
    ratio: int = 100
    small_bytes: int = 1 << 20
    waiting_bytes: int = 256 << 20
    head_bytes: int = 32 << 10
    head_s: float = 10.0
    body_s: float = 30.0
    connections: int = 4_000


class Refused(Exception):
    """The request cannot be taken as it is: sending it again would not help."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class TryLater(Exception):
    """The request was not taken; the same one may be after `after_s`.

    `down`: something that Vigil needs is not there; else there is too much to do.
    """

    def __init__(self, reason: str, after_s: float, down: bool = False) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.down = down


class Budget:
    """Bytes that bodies may occupy in memory, all requests together."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.taken_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Raises TryLater when there is not that much left."""
        if self.taken_bytes + size_bytes > self.limit_bytes:
            waiting_mib = self.taken_bytes >> 20
            raise TryLater(f"{waiting_mib} MiB wait to be stored: the receiver is full", 1.0)
        self.taken_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """Return what was taken."""
        self.taken_bytes -= size_bytes

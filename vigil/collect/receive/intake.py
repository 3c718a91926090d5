"""What both doors share: who may come in, how much fits in memory, where it is stored."""

from dataclasses import dataclass
from typing import Protocol

from vigil.collect.receive.group_commit import GroupCommit, Outcome
from vigil.collect.receive.limits import Budget, ReceiverLimits


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends: the id of its key, None without one, and the tenant that the key is bound to."""

    key_id: str | None = None
    tenant: str | None = None


class Gate(Protocol):
    """Decides who may send, and how much."""

    def admit(self, authorization: str | None) -> Caller:
        """The caller of an `Authorization` header.

        Raises Refused (401, 403) for one that may not send, TryLater for one that has sent enough.
        """
        ...

    def charge(self, caller: Caller, records: int, payload_bytes: int) -> None:
        """Count what was taken from the caller."""
        ...


class OpenGate:
    """Lets everybody in: for loopback, and for those who ask for it."""

    def admit(self, authorization: str | None) -> Caller:
        """See `Gate`."""
        return Caller()

    def charge(self, caller: Caller, records: int, payload_bytes: int) -> None:
        """See `Gate`."""


@dataclass(frozen=True, slots=True)
class Intake:
    """The way from a request's body to the log."""

    gate: Gate
    limits: ReceiverLimits
    budget: Budget
    commit: GroupCommit

    async def store(self, caller: Caller, topic: str, content_type: str, body: bytes) -> Outcome:
        """Store a body that the budget holds; see `GroupCommit.store`."""
        outcome = await self.commit.store(topic, content_type, body, caller.tenant)
        self.gate.charge(caller, outcome.accepted + outcome.rejected, len(body))
        return outcome

"""What both doors share: who may come in, how much fits in memory, where it is stored."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from vigil.collect.metrics.otlp import metrics_ndjson
from vigil.collect.receive.group_commit import GroupCommit, Outcome
from vigil.collect.receive.limits import Budget, ReceiverLimits, Refused
from vigil.errors import InputError
from vigil.events.content import NDJSON, OTLP_JSON, PROTOBUF
from vigil.events.otlp.json_form import protobuf_of
from vigil.events.schema import TOPIC_METRICS
from vigil.rootcause.changes import Change


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


# Keeps changes in the database and returns how many were new; raises DependencyError.
KeepChanges = Callable[[Sequence[Change]], int]


@dataclass(frozen=True, slots=True)
class Intake:
    """The way from a request's body to the log; changes go to the database."""

    gate: Gate
    limits: ReceiverLimits
    budget: Budget
    commit: GroupCommit
    keep_changes: KeepChanges

    async def store(self, caller: Caller, topic: str, content_type: str, body: bytes) -> Outcome:
        """Store a body that the budget holds; see `GroupCommit.store`."""
        try:
            content_type, body = await readable_form(topic, content_type, body)
        except InputError as error:
            raise Refused(400, str(error)) from error
        outcome = await self.commit.store(topic, content_type, body, caller.tenant)
        self.gate.charge(caller, outcome.accepted + outcome.rejected, len(body))
        return outcome


async def readable_form(topic: str, content_type: str, body: bytes) -> tuple[str, bytes]:
    """(content type, body) as the group commit reads them: metrics of OTLP become lines.

    Raises InputError for what is no export request.
    """
    if topic != TOPIC_METRICS or content_type not in (PROTOBUF, OTLP_JSON):
        return content_type, body
    return NDJSON, await asyncio.to_thread(_metric_lines, content_type, body)


def _metric_lines(content_type: str, body: bytes) -> bytes:
    """An export request of metrics as the lines that the log takes."""
    if content_type == OTLP_JSON:
        body = protobuf_of(body, "resourceMetrics")
    return metrics_ndjson(body)

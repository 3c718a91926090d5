"""OTLP/gRPC: the same three signals; messages stay bytes until they are walked."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc
import grpc.aio

from vigil.collect.receive.answers import SIGNALS, Signal, export_response, failure
from vigil.collect.receive.intake import Intake
from vigil.collect.receive.limits import Refused
from vigil.events.content import PROTOBUF

# The key under which gRPC carries a google.rpc.Status with details.
_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


def grpc_server(intake: Intake) -> grpc.aio.Server:
    """A server without a port yet."""
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", intake.limits.body_bytes),
            ("grpc.max_metadata_size", intake.limits.head_bytes),
            ("grpc.http2.max_ping_strikes", 3),
            ("grpc.so_reuseport", 0),
        ]
    )
    for signal in SIGNALS:
        method = grpc.unary_unary_rpc_method_handler(_export(signal, intake))
        handler = grpc.method_handlers_generic_handler(signal.service, {"Export": method})
        server.add_generic_rpc_handlers((handler,))
    return server


def _export(
    signal: Signal, intake: Intake
) -> Callable[[bytes, grpc.aio.ServicerContext], Awaitable[bytes]]:
    async def export(body: bytes, context: grpc.aio.ServicerContext) -> bytes:
        try:
            caller = intake.gate.admit(_authorization(context.invocation_metadata()))
            intake.budget.take(len(body))
            try:
                outcome = await intake.store(caller, signal.topic, PROTOBUF, body)
            finally:
                intake.budget.give(len(body))
            if outcome.refused:
                raise Refused(400, outcome.refused)
        except Exception as error:
            _, status, _ = failure(error)
            details = ((_DETAILS, status.SerializeToString()),)
            await context.abort(_CODES[status.code], status.message, trailing_metadata=details)
        return export_response(signal, outcome).SerializeToString()

    return export


def _authorization(metadata: Sequence[tuple[str, Any]] | None) -> str | None:
    for name, value in metadata or ():
        if name == "authorization":
            return str(value)
    return None

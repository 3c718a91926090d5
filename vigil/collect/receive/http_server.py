"""OTLP/HTTP: protobuf or JSON, gzip or not; remote write, and changes."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vigil.collect.changes import parse_changes
from vigil.collect.metrics.points import as_ndjson
from vigil.collect.metrics.remote_write import VERSION_2, read_remote_write
from vigil.collect.receive.answers import SIGNALS, Signal, encode, export_response, failure
from vigil.collect.receive.bodies import read_body, unpack
from vigil.collect.receive.intake import Intake
from vigil.collect.receive.limits import Refused, TryLater
from vigil.errors import DependencyError, InputError
from vigil.events.content import JSON, NDJSON, OTLP_JSON, PROTOBUF
from vigil.events.schema import TOPIC_METRICS

# Below this, unpacking is quicker than handing it to a thread.
_INLINE_BYTES = 16 << 10

# The status that nginx made known for a sender that went away; nobody reads it.
_CLIENT_CLOSED_REQUEST = 499

# How long a sender of changes is asked to wait for a database that is down.
_DATABASE_BACK_S = 10.0


def http_app(intake: Intake) -> Starlette:
    """The application: the three signals, remote write, changes and `/healthz`."""
    exports = [Route(signal.path, _export(signal, intake), methods=["POST"]) for signal in SIGNALS]

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"} | intake.commit.counters)

    write = Route("/api/v1/write", _remote_write(intake), methods=["POST"])
    changes = Route("/v1/changes", _changes(intake), methods=["POST"])
    return Starlette(routes=[*exports, write, changes, Route("/healthz", healthz)])


def _export(signal: Signal, intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if content_type not in (PROTOBUF, JSON):
                rule = f"content-type must be {PROTOBUF} or {JSON}"
                raise Refused(415, f"{rule}, got {content_type!r}")
            caller = intake.gate.admit(request.headers.get("authorization"))
            async with received_body(request, intake) as body:
                form = OTLP_JSON if content_type == JSON else PROTOBUF
                outcome = await intake.store(caller, signal.topic, form, body)
            if outcome.refused:
                raise Refused(400, outcome.refused)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except Exception as error:
            return failed(error, content_type)
        content, media_type = encode(export_response(signal, outcome), content_type)
        return Response(content, media_type=media_type)

    return export


def _remote_write(intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    """Prometheus remote write; it sends again after 5xx, and after 429 if told to."""

    async def write(request: Request) -> Response:
        try:
            version = 2 if VERSION_2 in request.headers.get("content-type", "") else 1
            caller = intake.gate.admit(request.headers.get("authorization"))
            async with received_body(request, intake, packed=("snappy",)) as body:
                most_bytes = intake.limits.body_bytes
                try:
                    written = await asyncio.to_thread(read_remote_write, body, most_bytes, version)
                except InputError as error:
                    raise Refused(400, str(error)) from error
                await intake.store(caller, TOPIC_METRICS, NDJSON, as_ndjson(written.points))
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except Exception as error:
            return failed(error, PROTOBUF)
        # Version 2 asks for these: a sender without them takes it that nothing was written.
        counts = {
            "x-prometheus-remote-write-samples-written": str(written.samples),
            "x-prometheus-remote-write-histograms-written": str(written.histograms),
            "x-prometheus-remote-write-exemplars-written": "0",
        }
        return Response(status_code=204, headers=counts)

    return write


def _changes(intake: Intake) -> Callable[[Request], Awaitable[Response]]:
    """Deploys, configuration and flags; answered once they are in the database."""

    async def changes(request: Request) -> Response:
        try:
            caller = intake.gate.admit(request.headers.get("authorization"))
            async with received_body(request, intake) as body:
                try:
                    found = parse_changes(body, datetime.now(UTC))
                    added = await asyncio.to_thread(intake.keep_changes, found)
                except InputError as error:
                    raise Refused(400, str(error)) from error
                except DependencyError as error:
                    raise TryLater(str(error), _DATABASE_BACK_S, down=True) from error
                intake.gate.charge(caller, len(found), len(body))
        except ClientDisconnect:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        except Exception as error:
            return failed(error, JSON)
        return JSONResponse({"added": added, "known": len(found) - added})

    return changes


@asynccontextmanager
async def received_body(
    request: Request, intake: Intake, packed: Collection[str] = ()
) -> AsyncIterator[bytes]:
    """The request's body, unpacked unless in an encoding of `packed`; memory for it is taken until
    the context ends.

    Raises Refused and TryLater as `read_body` and `unpack` do.
    """
    limits, budget = intake.limits, intake.budget
    announced_bytes = int(request.headers.get("content-length", 0))
    body = await read_body(request.stream(), announced_bytes, limits, budget)
    taken_bytes = len(body)
    try:
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", *packed):
            if len(body) < _INLINE_BYTES:
                body = unpack(body, encoding, limits)
            else:
                body = await asyncio.to_thread(unpack, body, encoding, limits)
            budget.take(len(body))
            taken_bytes += len(body)
        yield body
    finally:
        budget.give(taken_bytes)


def failed(error: Exception, content_type: str) -> Response:
    """The answer to a request that was not taken."""
    status_code, status, after_s = failure(error)
    content, media_type = encode(status, content_type)
    response = Response(content, status_code, media_type=media_type)
    if after_s is not None:
        response.headers["retry-after"] = str(math.ceil(after_s))
    if status_code in (408, 413):
        # The rest of the body is not read: the connection cannot be used again.
        response.headers["connection"] = "close"
    return response

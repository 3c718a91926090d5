"""What people do on the board: sign in and out, acknowledge, silence, label."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vigil.alerts.labelling import label_window
from vigil.alerts.operator import Operator
from vigil.alerts.policy import configured_policy
from vigil.alerts.policy.match import FIELDS
from vigil.board.access import KEY, Door, Visitor
from vigil.board.answers import answer, json_answer
from vigil.board.questions import series_id_of
from vigil.board.reader import BoardReader
from vigil.client.time_range import parse_instant, parse_span
from vigil.detect.feedback import Verdict
from vigil.errors import UsageError

LARGEST_BODY_BYTES = 64 << 10
LONGEST_SILENCE = timedelta(days=31)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


Asked = TypeVar("Asked", bound=_Body)


class Token(_Body):
    """What somebody signs in with."""

    token: str


class Silence(_Body):
    """Tell nobody of what matches, for a while."""

    match: dict[str, list[str]] = Field(min_length=1)
    last: str = "1h"
    comment: str = ""


class Label(_Body):
    """A verdict on the window that holds `at`."""

    at: str
    verdict: Verdict
    note: str = ""


def routes() -> list[Route]:
    """Changes are asked for by POST and DELETE, with a body of JSON."""
    return [
        Route("/api/session", _session, methods=["GET"]),
        Route("/api/session", _sign_in, methods=["POST"]),
        Route("/api/session", _sign_out, methods=["DELETE"]),
        Route("/api/incidents/{incident_id}/acknowledge", _acknowledge, methods=["POST"]),
        Route("/api/silences", _silence, methods=["POST"]),
        Route("/api/silences/{silence_id}", _end_silence, methods=["DELETE"]),
        Route("/api/series/{series_id}/labels", _label, methods=["POST"]),
    ]


def _person(visitor: Visitor) -> Mapping[str, Any]:
    return {
        "name": visitor.name, "role": visitor.role, "signed_in": visitor.signed_in,
        "may": sorted(visitor.scopes),
    }  # fmt: skip


async def _session(request: Request) -> Response:
    """Who asks, and what they may do."""
    return json_answer(_person(request.user))


async def _sign_in(request: Request) -> Response:
    door: Door = request.app.state.door
    asked = await _body(request, Token)
    key = await door.key_of(asked.token.strip())
    request.session[KEY] = key.key_id
    return json_answer(_person(await door.visitor(request)))


async def _sign_out(request: Request) -> Response:
    request.session.clear()
    return json_answer(_person(await request.app.state.door.visitor(request)))


@requires("operate")
async def _acknowledge(request: Request) -> Response:
    incident_id, author = request.path_params["incident_id"], request.user.name

    def acknowledge() -> Mapping[str, Any]:
        number = _operator(request).acknowledge(incident_id, author)
        return {"incident_id": number, "acknowledged_by": author}

    return await answer(acknowledge)


@requires("operate")
async def _silence(request: Request) -> Response:
    asked = await _body(request, Silence)
    unknown = set(asked.match) - set(FIELDS)
    if unknown:
        raise UsageError(
            f"match must name fields of {', '.join(FIELDS)}, got {', '.join(sorted(unknown))}"
        )
    length = parse_span(asked.last)
    if length > LONGEST_SILENCE:
        raise UsageError(f"last must be at most {LONGEST_SILENCE.days}d, got {asked.last!r}")

    def silence() -> Mapping[str, Any]:
        ends_at = datetime.now(UTC) + length
        return _operator(request).silence(asked.match, ends_at, request.user.name, asked.comment)

    return await answer(silence)


@requires("operate")
async def _end_silence(request: Request) -> Response:
    silence_id = request.path_params["silence_id"]

    def end() -> Mapping[str, Any]:
        _operator(request).end_silence(silence_id)
        return {"ended": silence_id}

    return await answer(end)


@requires("operate")
async def _label(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    asked = await _body(request, Label)
    at = parse_instant("at", asked.at)
    series = str(series_id_of(request))

    def label() -> Mapping[str, Any]:
        kept = label_window(
            reader.engine, reader.ledger(), series, at, asked.verdict, asked.note, request.user.name
        )
        return {"label": kept.label_id, "window_start": kept.window_start, "verdict": kept.verdict}

    return await answer(label)


def _operator(request: Request) -> Operator:
    """On the policy as it is in its file now."""
    reader: BoardReader = request.app.state.reader
    return Operator(reader.engine, configured_policy(reader.settings))


async def _body(request: Request, kind: type[Asked]) -> Asked:
    """The body; raises UsageError that names the field and the rule."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise UsageError("the body must be application/json")
    read = bytearray()
    async for piece in request.stream():
        read += piece
        if len(read) > LARGEST_BODY_BYTES:
            raise UsageError(f"the body must have at most {LARGEST_BODY_BYTES} bytes")
    try:
        return kind.model_validate(orjson.loads(bytes(read)))
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body must be JSON: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {first['msg']}") from error

"""The board's web application: one page, a few questions, and a stream of changes."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigil.board.feed import Feed
from vigil.board.reader import BoardReader, NoSuchThing
from vigil.client.time_range import parse_instant, parse_span
from vigil.config import Settings
from vigil.errors import DependencyError, UsageError

STATIC = Path(__file__).parent / "static"
DEFAULT_SPAN = "6h"
LONGEST_SPAN = timedelta(days=31)
PING_S = 15
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def create_app(settings: Settings, hosts: tuple[str, ...] = LOCAL_HOSTS) -> Starlette:
    """The application; `hosts` are the names under which browsers may call it.

    A page on another site that resolves its own name to this address is turned away.
    """
    reader = BoardReader(settings)
    feed = Feed(reader)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.keep_current)
            yield
            tasks.cancel_scope.cancel()
        reader.close()

    app = Starlette(
        routes=_routes(),
        lifespan=lifespan,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts]),
            Middleware(_SecurityHeaders, policy=_content_policy()),
            Middleware(GZipMiddleware, minimum_size=1024),
        ],
        exception_handlers={
            NoSuchThing: _error(404),
            UsageError: _error(400),
            DependencyError: _error(503),
        },
    )
    app.state.feed, app.state.reader = feed, reader
    return app


def _routes() -> list[Route | Mount]:
    return [
        Route("/", _page),
        Route("/api/changes", _changes),
        Route("/api/incidents/{incident_id}", _incident),
        Route("/api/service", _service),
        Route("/api/series/{series_id}", _series),
        Route("/api/series/{series_id}/why", _why),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]


def _error(status: int) -> Callable[[Request, Exception], Response]:
    def answer(request: Request, error: Exception) -> Response:
        return _json({"error": str(error)}, status)

    return answer


def _json(content: Any, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status, headers, media_type="application/json")


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _changes(request: Request) -> Response:
    """Events named after their section; the id says what the browser then has."""
    feed: Feed = request.app.state.feed
    known = _known(request.headers.get("last-event-id", ""))

    async def events() -> AsyncIterator[ServerSentEvent]:
        has = dict(known)
        async for name, section in feed.changes(known):
            has[name] = section.version
            identity = ",".join(f"{key}={version}" for key, version in has.items())
            yield ServerSentEvent(section.body.decode(), event=name, id=identity)

    return EventSourceResponse(events(), ping=PING_S)


def _known(last_event_id: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=([0-9a-f]+)", last_event_id))


async def _incident(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    return await _answer(reader.incident, request.path_params["incident_id"])


async def _service(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    asked = request.query_params
    return await _answer(reader.service, asked.get("environment"), asked.get("service", ""))


async def _series(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    series_id = _series_id(request)
    end = request.query_params.get("end")
    last = parse_span(request.query_params.get("last", DEFAULT_SPAN))
    end_at = parse_instant("end", end) if end else None
    return await _answer(reader.series, series_id, end_at, min(last, LONGEST_SPAN))


async def _why(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    at = parse_instant("at", request.query_params.get("at", ""))
    return await _answer(reader.why, _series_id(request), at)


def _series_id(request: Request) -> int:
    text = request.path_params["series_id"]
    try:
        return int(text)
    except ValueError as error:
        raise NoSuchThing(f"there is no series {text!r}") from error


async def _answer(question: Callable[..., Any], *about: Any) -> Response:
    return _json(await anyio.to_thread.run_sync(question, *about))


def _content_policy() -> str:
    """Only our own files; the import map of the page is allowed by its hash."""
    page = (STATIC / "index.html").read_text()
    inline = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self';"
        " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )


class _SecurityHeaders:
    """Adds headers that browsers obey; a plain middleware, since streams must not be buffered."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        self._app = app
        self._headers: Mapping[bytes, bytes] = {
            b"content-security-policy": policy.encode(),
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"no-referrer",
            b"cross-origin-opener-policy": b"same-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers.items()]
            await send(message)

        await self._app(scope, receive, sending)

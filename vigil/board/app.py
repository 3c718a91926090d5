"""The board's web application: one page, its questions, its actions, and a stream of changes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from starlette.applications import Starlette
from starlette.authentication import AuthenticationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from vigil.board import actions, questions
from vigil.board.access import (
    COOKIE,
    SESSION_S,
    STRANGER,
    Door,
    KeyRing,
    Unwelcome,
    Visitor,
    session_secret,
)
from vigil.board.answers import error_answer, json_answer
from vigil.board.feed import Feed
from vigil.board.reader import BoardReader, NoSuchThing
from vigil.board.shields import OwnPagesOnly, SecurityHeaders, content_policy
from vigil.board.traces import TraceReader
from vigil.config import Settings
from vigil.errors import ConfigError, DependencyError, UsageError, VigilError
from vigil.stores.api_keys import KeyStore

STATIC = Path(__file__).parent / "static"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def create_app(
    settings: Settings,
    hosts: tuple[str, ...] = LOCAL_HOSTS,
    anonymous: Visitor = STRANGER,
    https_only: bool = False,
) -> Starlette:
    """The application; `hosts` are the names under which browsers may call it.

    A page on another site that resolves its own name to this address is turned away. `anonymous`
    is who comes without a key: a stranger has to sign in. `https_only` keeps the session's cookie
    from being sent in the clear. Raises ConfigError where the home folder takes no secret.
    """
    reader = BoardReader(settings)
    feed = Feed(reader)
    door = Door(KeyRing(lambda: KeyStore(reader.engine)), anonymous)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed.keep_current)
            yield
            tasks.cancel_scope.cancel()
        reader.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            *questions.routes(),
            *actions.routes(),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        lifespan=lifespan,
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[*hosts]),
            Middleware(SecurityHeaders, policy=content_policy((STATIC / "index.html").read_text())),
            Middleware(OwnPagesOnly),
            Middleware(
                SessionMiddleware,
                secret_key=session_secret(settings.home),
                session_cookie=COOKIE,
                max_age=SESSION_S,
                same_site="strict",
                https_only=https_only,
            ),
            Middleware(AuthenticationMiddleware, backend=door, on_error=_not_recognised),
            Middleware(GZipMiddleware, minimum_size=1024),
        ],
        exception_handlers={
            HTTPException: _refused,
            Unwelcome: error_answer(401),
            NoSuchThing: error_answer(404),
            ConfigError: error_answer(500),
            UsageError: error_answer(400),
            DependencyError: error_answer(503),
            VigilError: error_answer(409),
        },
    )
    app.state.feed, app.state.reader, app.state.door = feed, reader, door
    app.state.traces = TraceReader(settings)
    return app


def _not_recognised(conn: HTTPConnection, error: AuthenticationError) -> Response:
    return json_answer(
        {"error": str(error)}, 401 if isinstance(error.__cause__, Unwelcome) else 503
    )


async def _refused(request: Request, error: Exception) -> Response:
    """`requires` says 403 to everybody; a stranger may yet come in."""
    assert isinstance(error, HTTPException)
    status, said = error.status_code, error.detail
    if status == 403:
        visitor = request.user
        if visitor.is_authenticated:
            said = f"{visitor.name} is a {visitor.role} and may not do this"
        else:
            status, said = 401, "sign in with a key first"
    return json_answer({"error": said}, status)


async def _page(request: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

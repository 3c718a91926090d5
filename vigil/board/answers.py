"""Answers in JSON: what a question found, or one sentence that says why not."""

from collections.abc import Callable
from typing import Any

import anyio.to_thread
import orjson
from starlette.requests import Request
from starlette.responses import Response


def json_answer(content: Any, status: int = 200) -> Response:
    """JSON that nobody keeps; instants as ISO 8601."""
    body = orjson.dumps(content, option=orjson.OPT_UTC_Z)
    return Response(body, status, {"Cache-Control": "no-store"}, media_type="application/json")


async def answer(question: Callable[..., Any], *about: Any) -> Response:
    """What `question` returns; it runs in a thread, since it waits for the stores."""
    return json_answer(await anyio.to_thread.run_sync(question, *about))


def error_answer(status: int) -> Callable[[Request, Exception], Response]:
    """A handler that tells the error's sentence under that status."""

    def told(request: Request, error: Exception) -> Response:
        return json_answer({"error": str(error)}, status)

    return told

"""Middlewares that keep strangers out. Plain ones, since streams must not be buffered."""

import base64
import hashlib
import re
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vigil.board.answers import json_answer

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class SecurityHeaders:
    """Adds headers that browsers obey."""

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


class OwnPagesOnly:
    """Refuses changes that a browser makes for a page of another site.

    Browsers say with each such request where it comes from: by Sec-Fetch-Site, older ones by
    Origin. What says neither is no browser, and has no cookie of a person to abuse.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _READING:
            headers = Headers(scope=scope)
            if not _is_own(headers):
                said = {"error": "a page of another site may change nothing here"}
                await json_answer(said, 403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _is_own(headers: Headers) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def content_policy(page: str) -> str:
    """Only our own files; the import map of the page is allowed by its hash."""
    inline = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline]
    scripts = " ".join(["'self'", *(f"'sha256-{digest}'" for digest in digests)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self';"
        " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )

"""The web address that an Alertmanager sends to."""

import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from vigil.alerts.outside import keep, parse_webhook
from vigil.errors import DependencyError, InputError

PATH = "/alertmanager"
MOST_BYTES = 4 << 20


def receiver(engine: sa.Engine) -> Starlette:
    """An application with one route: POST /alertmanager.

    200 with the number of alerts kept, 400 with the reason for what is no webhook, 413 for more
    than 4 MiB, 503 while the database is down: Alertmanager then tries again.
    """

    async def take(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST_BYTES:
                return JSONResponse({"error": f"more than {MOST_BYTES} bytes"}, 413)
        try:
            count = await run_in_threadpool(_keep, engine, body)
        except InputError as error:
            return JSONResponse({"error": str(error)}, 400)
        except DependencyError as error:
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse({"alerts": count})

    return Starlette(routes=[Route(PATH, take, methods=["POST"])])


def _keep(engine: sa.Engine, body: bytes) -> int:
    webhook = parse_webhook(body)
    with engine.begin() as connection:
        return keep(connection, webhook)

"""What the page asks: its live sections as a stream, and one thing at a time by JSON."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vigil.board.access import Door
from vigil.board.answers import answer
from vigil.board.drills import drill_results
from vigil.board.feed import Feed
from vigil.board.reader import BoardReader, NoSuchThing
from vigil.board.traces import TraceReader
from vigil.client.time_range import parse_instant, parse_span

DEFAULT_SPAN = "6h"
LONGEST_SPAN = timedelta(days=31)
JOURNEYS_SPAN = "15m"
LONGEST_SEARCH = timedelta(hours=6)
# Around so many moments a trace is looked for.
MOST_PLACES = 10
PING_S = 15


def routes() -> list[Route]:
    """All are asked by GET, and change nothing."""
    return [
        Route("/api/changes", _changes),
        Route("/api/incidents/{incident_id}", _incident),
        Route("/api/service", _service),
        Route("/api/series/{series_id}", _series),
        Route("/api/series/{series_id}/why", _why),
        Route("/api/journeys", _journeys),
        Route("/api/traces/{trace_id}", _trace),
        Route("/api/graph", _graph),
        Route("/api/drills", _drills),
    ]


@requires("read")
async def _changes(request: Request) -> Response:
    """Events named after their section; the id says what the browser then has."""
    feed: Feed = request.app.state.feed
    door: Door = request.app.state.door
    known = _known(request.headers.get("last-event-id", ""))

    async def events() -> AsyncIterator[ServerSentEvent]:
        has = dict(known)
        async for name, section in feed.changes(known):
            # A key may have been revoked while the stream was open.
            if not (await door.visitor(request)).is_authenticated:
                return
            has[name] = section.version
            identity = ",".join(f"{key}={version}" for key, version in has.items())
            yield ServerSentEvent(section.body.decode(), event=name, id=identity)

    return EventSourceResponse(events(), ping=PING_S)


def _known(last_event_id: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=([0-9a-f]+)", last_event_id))


@requires("read")
async def _incident(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    return await answer(reader.incident, request.path_params["incident_id"])


@requires("read")
async def _service(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    asked = request.query_params
    return await answer(reader.service, asked.get("environment"), asked.get("service", ""))


@requires("read")
async def _series(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    series_id = series_id_of(request)
    end = request.query_params.get("end")
    last = parse_span(request.query_params.get("last", DEFAULT_SPAN))
    end_at = parse_instant("end", end) if end else None
    return await answer(reader.series, series_id, end_at, min(last, LONGEST_SPAN))


@requires("read")
async def _why(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    at = parse_instant("at", request.query_params.get("at", ""))
    return await answer(reader.why, series_id_of(request), at)


@requires("read")
async def _journeys(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    traces: TraceReader = request.app.state.traces
    end_at = parse_instant("end", request.query_params.get("end", ""))
    last = parse_span(request.query_params.get("last", JOURNEYS_SPAN))
    return await answer(lambda: traces.journeys(reader.engine, end_at, min(last, LONGEST_SEARCH)))


@requires("read")
async def _trace(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    traces: TraceReader = request.app.state.traces
    near = [parse_instant("at", at) for at in request.query_params.get("at", "").split(",")]
    before = request.query_params.get("before")
    before_at = parse_instant("before", before) if before else min(near)
    trace_id = request.path_params["trace_id"]
    return await answer(traces.trace, reader.engine, trace_id, near[:MOST_PLACES], before_at)


@requires("read")
async def _graph(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    at = request.query_params.get("at")
    return await answer(reader.graph, parse_instant("at", at) if at else None)


@requires("read")
async def _drills(request: Request) -> Response:
    reader: BoardReader = request.app.state.reader
    return await answer(lambda: drill_results(reader.engine))


def series_id_of(request: Request) -> int:
    """The series that the path names; raises NoSuchThing."""
    text = request.path_params["series_id"]
    try:
        return int(text)
    except ValueError as error:
        raise NoSuchThing(f"there is no series {text!r}") from error

"""A small shop of three FastAPI services, instrumented by the real OpenTelemetry SDK.

gateway → orders → stock. They run in one process and call each other without sockets; their spans
and log records leave through real exporters.
"""

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, HTTPException
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.httpx import AsyncOpenTelemetryTransport
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter


class Service:
    """One service with providers of its own; `calls` is the service behind it."""

    def __init__(
        self,
        name: str,
        spans: SpanExporter,
        logs: LogRecordExporter,
        calls: "Service | None" = None,
    ) -> None:
        self.name = name
        resource = Resource.create(
            {"service.name": name, "deployment.environment.name": "test", "cloud.region": "eu"}
        )
        self.tracers = TracerProvider(resource=resource)
        self.tracers.add_span_processor(BatchSpanProcessor(spans))
        self.loggers = LoggerProvider(resource=resource)
        self.loggers.add_log_record_processor(BatchLogRecordProcessor(logs))
        self.logger = logging.getLogger(f"shop.{name}")
        self.logger.handlers = [LoggingHandler(logger_provider=self.loggers)]
        self.logger.setLevel(logging.INFO)
        self.calls = calls
        self.app = self._app()
        FastAPIInstrumentor.instrument_app(self.app, tracer_provider=self.tracers)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/orders/{order_id}")
        async def order(order_id: int) -> dict[str, int]:
            self.logger.info("order %d asked for", order_id)
            if self.calls is not None:
                async with self.client(self.calls) as client:
                    answer = await client.get(f"/orders/{order_id}")
                    if answer.is_error:
                        raise HTTPException(answer.status_code)
            elif order_id == 13:
                self.logger.error("no stock for %d", order_id)
                raise HTTPException(503)
            return {"order_id": order_id}

        return app

    async def elsewhere(self, scope: Any, receive: Any, send: Any) -> None:
        """The application as from another process: only headers carry the trace over."""
        call = self.app(scope, receive, send)
        await asyncio.get_running_loop().create_task(call, context=contextvars.Context())

    @asynccontextmanager
    async def client(self, target: "Service") -> AsyncIterator[httpx.AsyncClient]:
        """A traced client of another service."""
        transport = AsyncOpenTelemetryTransport(
            httpx.ASGITransport(target.elsewhere), tracer_provider=self.tracers
        )
        url = f"http://{target.name}"
        async with httpx.AsyncClient(transport=transport, base_url=url) as client:
            yield client

    def shutdown(self) -> None:
        """Send what is left."""
        self.tracers.shutdown()
        self.loggers.shutdown()

"""Request rates as gauges, a value a minute, through a pipeline."""

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson

from vigil.detect import OnlineDetector
from vigil.events.content import CONTENT_TYPE, NDJSON
from vigil.events.decode import Limits
from vigil.events.schema import TOPIC_METRICS
from vigil.stores.log import Message, StoredMessage
from vigil.stream.pipeline import Pipeline, Step
from vigil.windows.tumbling import WindowSpec

START = datetime(2026, 3, 2, tzinfo=UTC)
SERVICES = ("orders", "billing", "search")
RATE = 100.0


def pipeline() -> Pipeline:
    """Fresh, with windows of a minute."""
    return Pipeline(WindowSpec(60, 0, 0), Limits(300, START), OnlineDetector())


def step(scorer: Pipeline, minutes: range, rate: float = RATE) -> Step:
    """Those minutes of each service's request rate, as a gauge."""
    noise = np.random.default_rng(minutes.start).normal(0, 1, (len(minutes), len(SERVICES)))
    lines = [
        orjson.dumps(
            {
                "time": (START + timedelta(minutes=minute)).isoformat(),
                "service": name,
                "metric": "request_rate",
                "value": float(rate + noise[place, number]),
            }
        )
        for place, minute in enumerate(minutes)
        for number, name in enumerate(SERVICES)
    ]
    message = Message(b"\n".join(lines), {CONTENT_TYPE: NDJSON})
    at = START + timedelta(minutes=minutes.stop)
    stored = StoredMessage(TOPIC_METRICS, 0, minutes.stop, at, message)
    return scorer.step({(TOPIC_METRICS, 0): [stored]}, at)

"""Decode and fold into tumbling windows with Bytewax; prints {"events", "seconds"}.

Run by the peers' own environment: `bytewax_windows.py BROKER TOPIC EVENTS`.
"""

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import bytewax.operators as op
import bytewax.operators.windowing as win
import orjson
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, run_main

WINDOW = timedelta(seconds=10)


def decode(message):
    """The series' key and the event."""
    event = orjson.loads(message.value)
    return f"{event['service']} {event['route']}", event


def at(event):
    """Event time."""
    return datetime.fromisoformat(event["time"])


def fold(window, event):
    """Requests, errors, total and longest duration."""
    requests, errors, total, longest = window
    ms = event["duration_ms"]
    return requests + 1, errors + (event["status"] >= 500), total + ms, max(longest, ms)


def main(broker, topic, events):
    """One worker, as one partition allows; stops at the topic's end."""
    closed: list = []
    flow = Dataflow("windows")
    source = KafkaSource(
        [broker],
        [topic],
        tail=False,
        batch_size=10_000,
        # As Vigil's own client: the default waits a second whenever its buffer was full.
        add_config={"fetch.queue.backoff.ms": "10"},
    )
    keyed = op.map("decode", op.input("in", flow, source), decode)
    windows = win.fold_window(
        "fold",
        keyed,
        win.EventClock(at, wait_for_system_duration=timedelta(seconds=5)),
        win.TumblingWindower(length=WINDOW, align_to=datetime(2026, 1, 1, tzinfo=UTC)),
        lambda: (0, 0, 0.0, 0.0),
        fold,
        lambda a, b: (a[0] + b[0], a[1] + b[1], a[2] + b[2], max(a[3], b[3])),
        ordered=False,
    )
    op.output("out", windows.down, TestingSink(closed))
    began = time.perf_counter()
    run_main(flow)
    seconds = time.perf_counter() - began
    counted = sum(window[0] for _, (_, window) in closed)
    print(json.dumps({"events": counted, "seconds": seconds, "wanted": int(events)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Decode and count in tumbling windows with Quix Streams; prints {"events", "seconds"}.

Run by the peers' own environment: `quix_windows.py BROKER TOPIC EVENTS`. Windows are by message
key, which is the series' key.
"""

import json
import sys
import tempfile
import time
import uuid
from datetime import datetime

from quixstreams import Application


def event_ms(value, headers, timestamp, timestamp_type):
    """Event time."""
    return int(datetime.fromisoformat(value["time"]).timestamp() * 1_000)


def main(broker, topic, events):
    """Stops after the last event; the time runs from the first one."""
    wanted = int(events)
    seen, times = 0, []

    def processed(topic, partition, offset):
        nonlocal seen
        seen += 1
        if seen in (1, wanted):
            times.append(time.perf_counter())
        if seen == wanted:
            app.stop()

    with tempfile.TemporaryDirectory() as folder:
        app = Application(
            broker_address=broker,
            consumer_group=f"quix-{uuid.uuid4()}",
            auto_offset_reset="earliest",
            state_dir=folder,
            use_changelog_topics=False,
            on_message_processed=processed,
            loglevel="ERROR",
            # As Vigil's own client: the default waits a second whenever its buffer was full.
            consumer_extra_config={"fetch.queue.backoff.ms": 10},
        )
        source = app.topic(topic, value_deserializer="json", timestamp_extractor=event_ms)
        app.dataframe(source).tumbling_window(10_000, grace_ms=5_000).count().final()
        app.run()
    print(json.dumps({"events": seen, "seconds": times[-1] - times[0], "wanted": wanted}))


if __name__ == "__main__":
    main(*sys.argv[1:])

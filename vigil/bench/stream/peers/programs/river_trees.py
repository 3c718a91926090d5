"""Decode and score each event with river's half-space trees; prints {"events", "seconds"}.

Run by the peers' own environment: `river_trees.py BROKER TOPIC EVENTS`.
"""

import json
import math
import sys
import time
import uuid

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from river.anomaly import HalfSpaceTrees


def main(broker, topic, events):
    """Learns from each event and scores it, as its documentation does."""
    wanted = int(events)
    consumer = Consumer({"bootstrap.servers": broker, "group.id": str(uuid.uuid4())})
    consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    trees = HalfSpaceTrees(seed=1)
    seen, began = 0, 0.0
    while seen < wanted:
        for message in consumer.consume(min(10_000, wanted - seen), 1.0):
            began = began or time.perf_counter()
            event = orjson.loads(message.value() or b"")
            features = {
                "duration": min(1.0, math.log1p(event["duration_ms"]) / 12),
                "status": event["status"] / 600,
            }
            trees.score_one(features)
            trees.learn_one(features)
            seen += 1
    seconds = time.perf_counter() - began
    consumer.close()
    print(json.dumps({"events": seen, "seconds": seconds, "wanted": wanted}))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What shards write to Kafka: Arrow tables (`vigil.stream.tables`) and their headers.

`vigil.windows` carries request windows, metric windows, counts of late records and the edges of the
service graph; `vigil.scores` the decisions. A shard says with its decisions up to which event time
they are complete.
"""

TOPIC_WINDOWS = "vigil.windows"
TOPIC_SCORES = "vigil.scores"

# Decisions: of which topic's windows, by which shard of how many, complete up to (epoch µs).
STREAM, SHARD, SHARDS, COMPLETE_US = (
    "vigil-stream", "vigil-shard", "vigil-shards", "vigil-complete-us",
)  # fmt: skip
# Records that were read since the last time.
ACCEPTED, DEAD = "vigil-accepted", "vigil-dead"

REQUEST_WINDOWS = "request_windows"
METRIC_WINDOWS = "metric_windows"
LATE = "late_events"
EDGES = "edges"
SCORES = "scores"

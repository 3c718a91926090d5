"""One process a core: workers share the partitions of a Kafka log, one scorer gathers.

messages → records → parts of windows (workers, `worker.py`), over the topic `vigil.partials`, to
windows → observations → decisions → incidents → alerts (the scorer, `gathering.py`).
"""

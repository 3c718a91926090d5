"""Simulated traffic, put into a log and scored."""

import threading
from contextlib import closing

from vigil.config import Settings
from vigil.events.schema import TOPIC_EVENTS
from vigil.simulate import SimulationPlan, chunk_count, simulate_chunk
from vigil.stores import open_log
from vigil.stores.arrow_messages import arrow_messages
from vigil.stream.assembly import open_scorer


def score_traffic(settings: Settings, plan: SimulationPlan) -> None:
    """Leave the plan's windows, scores and incidents in the settings' database."""
    with closing(open_log(settings)) as event_log:
        for index in range(chunk_count(plan)):
            event_log.append(TOPIC_EVENTS, arrow_messages(simulate_chunk(plan, index)))
    with open_scorer(settings, "vigil-scorer", show=None) as scorer:
        scorer.run(threading.Event(), drain=True)

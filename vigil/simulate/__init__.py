"""A seeded simulator of a multi-cloud API estate: real traces, seasons, labelled faults."""

from vigil.simulate.estate import ENVIRONMENTS, JOURNEYS, SERVICES
from vigil.simulate.faults import KINDS, Fault, plan_faults, read_labels, write_labels
from vigil.simulate.traces import SimulationPlan, chunk_count, simulate_chunk

__all__ = [
    "ENVIRONMENTS",
    "JOURNEYS",
    "KINDS",
    "SERVICES",
    "Fault",
    "SimulationPlan",
    "chunk_count",
    "plan_faults",
    "read_labels",
    "simulate_chunk",
    "write_labels",
]

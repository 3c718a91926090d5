"""Root cause benchmark: real injections (Nezha) and simulated faults, with peers beside."""

from vigil.bench.rca.cases import Case, nezha_cases
from vigil.bench.rca.peers import METHODS
from vigil.bench.rca.simulated import simulated_cases
from vigil.bench.rca.table import bench_rca, summary, time_command

__all__ = [
    "METHODS",
    "Case",
    "bench_rca",
    "nezha_cases",
    "simulated_cases",
    "summary",
    "time_command",
]

"""Compiles the walk once, at installation, so that no first request waits for it.

`python -m vigil.events.otlp.warm`; the machine code is cached beside the source.
"""

from vigil.events.otlp.traces import read_traces
from vigil.events.otlp.wire import Walk

if __name__ == "__main__":
    read_traces(Walk([b""]), 1)

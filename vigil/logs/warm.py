"""Compiles the lexer once, at installation, so that no first run waits for it.

`python -m vigil.logs.warm`; the machine code is cached beside the source.
"""

from vigil.logs.lines import split_lines
from vigil.logs.raw import RawMiner

if __name__ == "__main__":
    RawMiner().observe(split_lines(b"2026-03-02 08:00:00 INFO app: ready\n" * 2))

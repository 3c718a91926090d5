"""The stream on Apache Flink: the same windows and the same decisions, on many machines.

`splitting` cuts messages into pieces, one for each shard of the series; a `Shard` turns its pieces
into windows and scores; `job` wires both between Kafka topics; a `Gathering` takes what the shards
wrote into the database, where incidents and alerts are made. All but `job` run without Flink.
"""

import builtins
import sys

# PyFlink's workers put a print of their own in place of Python's, and numba, which looks every
# builtin up in the module that it names, cannot be imported then. Nothing here prints.
_printer = sys.modules.get(builtins.print.__module__)
if _printer is not None and not hasattr(_printer, "print"):
    _printer.print = builtins.print  # type: ignore[attr-defined]

"""The Python interface to what Vigil has seen, for notebooks and scripts.

`connect()` gives a `Client`; its methods give lazy, bounded `Selection`s, which turn into polars,
pandas or Arrow and show themselves as tables in a notebook.
"""

from vigil.client.connection import Client, connect
from vigil.client.selection import Selection, TooManyRows

__all__ = ["Client", "Selection", "TooManyRows", "connect"]

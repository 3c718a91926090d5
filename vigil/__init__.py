"""Vigil watches APIs; from Python, `vigil.connect()` opens what it has seen.

>>> import vigil
>>> v = vigil.connect()  # doctest: +SKIP
>>> v.scores(service="orders", last="6h", flagged=True)  # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vigil.client import Client as Client
    from vigil.client import connect as connect

__all__ = ["Client", "connect"]


def __getattr__(name: str) -> Any:
    """`connect` and `Client` on first use: importing a stage must not load databases."""
    if name not in __all__:
        raise AttributeError(f"module 'vigil' has no attribute {name!r}")
    from vigil import client

    return getattr(client, name)

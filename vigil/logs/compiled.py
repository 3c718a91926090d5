"""`compiled`: functions as machine code, kept beside the source.

numba keeps machine code by the file of a function alone; after a change in a file that this one
calls, it would go on with the old code. So code older than any of these files is dropped.
"""

import contextlib
from pathlib import Path

import numba as nb

compiled = nb.njit(cache=True)

_SOURCES = ("alphabet.py", "lexer.py", "shape.py", "pattern.py", "header.py")


def _drop_outdated() -> None:
    folder = Path(__file__).parent
    newest = max((folder / name).stat().st_mtime for name in _SOURCES)
    # Another process may be doing the same, and an installation may be read-only.
    with contextlib.suppress(OSError):
        for index in (folder / "__pycache__").glob("*.nbi"):
            if index.stat().st_mtime < newest:
                index.unlink()


_drop_outdated()

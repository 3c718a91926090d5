"""Compiles the detector once, at installation, so that no first run waits for it.

`python -m vigil.detect.warm`; the machine code is cached beside the source.
"""

from pathlib import Path

import numpy as np

from vigil.detect.series import detect_series


def drop_outdated(folder: Path) -> None:
    """Forget machine code that is older than any source beside it.

    The compiler itself looks at the file of the entry point only, not at those it calls.
    """
    newest_s = max(source.stat().st_mtime for source in folder.glob("*.py"))
    for index in (folder / "__pycache__").glob("*.nbi"):
        if index.stat().st_mtime < newest_s:
            index.unlink()


if __name__ == "__main__":
    drop_outdated(Path(__file__).parent)
    detect_series(np.arange(3.0), np.ones(3))

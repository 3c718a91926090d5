"""The peers' own environment: their pins are not ours, so they get a folder of their own."""

import subprocess
import sys
from pathlib import Path

import platformdirs

from vigil.errors import DependencyError

PINS = (
    "bytewax==0.21.1",
    "quixstreams==3.28.1",
    "river==0.22.0",
    "confluent-kafka==2.12.2",
    "orjson==3.13.0",
)
INSTALL_S = 600.0


def peers_python() -> Path:
    """The environment's interpreter; made where it is missing or has other versions.

    Raises DependencyError when the packages cannot be had.
    """
    home = platformdirs.user_cache_path("vigil") / "stream-peers"
    python, made_of = home / "bin" / "python", home / "made-of.txt"
    if made_of.exists() and made_of.read_text().split() == list(PINS):
        return python
    try:
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(python), "-m", "pip", "install", "--quiet", *PINS],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=INSTALL_S)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode().strip().splitlines()[-1:]
        raise DependencyError(f"the peers cannot be installed: {' '.join(reason)}") from error
    except subprocess.TimeoutExpired as error:
        raise DependencyError(f"the peers were not installed in {INSTALL_S:.0f} s") from error
    made_of.write_text("\n".join(PINS))
    return python

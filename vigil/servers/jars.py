"""Jars of a server, fetched once by Maven."""

import fcntl
import subprocess
import sys
from pathlib import Path

from vigil.errors import DependencyError

HERE = Path(__file__).parent
# In the environment's folder, so that they live as long as the installation.
CACHE = Path(sys.prefix) / "servers"


def jars(name: str) -> Path:
    """Folder of the jars that `NAME.pom.xml` lists; raises DependencyError."""
    home = CACHE / name
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / ".ready").exists():
            _copy_dependencies(HERE / f"{name}.pom.xml", home / "lib")
            (home / ".ready").touch()
    return home / "lib"


def _copy_dependencies(pom: Path, folder: Path) -> None:
    command = [
        "mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
        "-DincludeScope=runtime", f"-DoutputDirectory={folder}",
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=900)
    except subprocess.SubprocessError as error:
        said = getattr(error, "stdout", "") or str(error)
        raise DependencyError(f"Maven could not fetch {pom.stem}: {said[-600:]}") from error

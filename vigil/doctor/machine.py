"""Checks of this machine: Python, the home folder, the datasets."""

import shutil
import sys

from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding
from vigil.doctor.installation import Installation

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05


def check_python(installation: Installation) -> Finding:
    """Which interpreter runs."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", OK, f"{version} in {sys.prefix}")


def check_home(installation: Installation) -> Finding:
    """The folder is writable, and its disk is not nearly full."""
    home = installation.settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        probe = home / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return Finding("home", PROBLEM, str(error), "set VIGIL_HOME to a folder you may write to")
    disk = shutil.disk_usage(home)
    found = f"{home}, {disk.free / 1e9:.0f} of {disk.total / 1e9:.0f} GB free"
    if disk.free < LEAST_FREE_BYTES:
        return Finding("home", PROBLEM, found, "free at least 1 GB or set VIGIL_HOME elsewhere")
    if disk.free < LEAST_FREE_SHARE * disk.total:
        return Finding("home", NOTE, found, "the disk is nearly full: free some of it")
    return Finding("home", OK, found)


def check_datasets(installation: Installation) -> Finding:
    """Benchmarks want real data."""
    datasets = installation.settings.datasets
    if datasets.is_dir():
        return Finding("datasets", OK, str(datasets))
    remedy = "only benchmarks need them: set VIGIL_DATASETS"
    return Finding("datasets", NOTE, f"none at {datasets}", remedy)

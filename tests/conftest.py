"""Fixtures shared by the whole suite."""

import os
from pathlib import Path

import pytest

from vigil.config import load_settings


@pytest.fixture(scope="session")
def datasets() -> Path:
    """Folder of the shared real datasets; a user's clone lacks it, a CI run must have it."""
    path = load_settings().datasets
    if not path.is_dir():
        reason = f"no real datasets at {path}: set VIGIL_DATASETS to their folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path

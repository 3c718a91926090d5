"""Servers for the store tests."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "servers"))

from elastic_node import elastic_node, missing


@pytest.fixture(scope="session")
def elastic_url() -> Iterator[str]:
    """A real Elasticsearch 8.19.

    Where it cannot start, the tests that need it are skipped with the reason; in CI they fail,
    unless VIGIL_ABSENT_SERVERS names `elasticsearch`.
    """
    reason = missing()
    if reason:
        absent = os.environ.get("VIGIL_ABSENT_SERVERS", "").split(",")
        if os.environ.get("CI") and "elasticsearch" not in absent:
            pytest.fail(f"{reason}; set VIGIL_ABSENT_SERVERS=elasticsearch to go without")
        pytest.skip(reason)
    # Outside of pytest's own folder, which only its owner may enter.
    home = Path(tempfile.mkdtemp(prefix="vigil-elasticsearch-"))
    try:
        with elastic_node(home) as url:
            yield url
    finally:
        shutil.rmtree(home, ignore_errors=True)

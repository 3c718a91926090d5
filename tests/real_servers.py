"""Which servers a run had, and what happens where one is missing."""

import os

import pytest

from vigil.servers import ServerProcess

# What the run's summary says of its servers: name → version and time to start, or why it is absent.
SERVERS: dict[str, str] = {}


def require(name: str, missing: str) -> None:
    """Skip with the reason where a server cannot start; in CI fail.

    `missing` is empty where it can. `VIGIL_ABSENT_SERVERS` lists the servers, in lower case, that
    even CI goes without.
    """
    if not missing:
        return
    SERVERS[name] = f"ABSENT: {missing}"
    absent = os.environ.get("VIGIL_ABSENT_SERVERS", "").split(",")
    if os.environ.get("CI") and name.lower() not in absent:
        pytest.fail(f"{missing}; set VIGIL_ABSENT_SERVERS={name.lower()} to go without")
    pytest.skip(missing)


def started(server: ServerProcess) -> ServerProcess:
    """Note a running server for the summary."""
    SERVERS[server.name] = f"{server.version}, real, started in {server.started_in_s:.1f} s"
    return server

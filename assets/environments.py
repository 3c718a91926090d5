"""Resources by environment: dictionaries of one shape, chosen by VIGIL_ENVIRONMENT.

In development the embedded stores are fine; elsewhere a forgotten address is an error, and no
database that nobody knows of.
"""

import os

import dagster as dg

from assets.links import LinksResource
from assets.resources import VigilResource
from vigil.errors import ConfigError
from vigil.services import BOARD_PORT

_LINKS = LinksResource(
    lab_url=os.environ.get("VIGIL_LAB_URL", ""), board_url=os.environ.get("VIGIL_BOARD_URL", "")
)

ENVIRONMENTS: dict[str, dict[str, dg.ConfigurableResource]] = {
    "dev": {
        "vigil": VigilResource(),
        "links": LinksResource(
            lab_url="http://127.0.0.1:8888", board_url=f"http://127.0.0.1:{BOARD_PORT}"
        ),
    },
    "staging": {"vigil": VigilResource(embedded=False), "links": _LINKS},
    "production": {"vigil": VigilResource(embedded=False), "links": _LINKS},
}


def environment_name() -> str:
    """VIGIL_ENVIRONMENT, by default `dev`; raises ConfigError for an unknown one."""
    name = os.environ.get("VIGIL_ENVIRONMENT", "dev")
    if name not in ENVIRONMENTS:
        known = ", ".join(ENVIRONMENTS)
        raise ConfigError(f"VIGIL_ENVIRONMENT must be one of {known}, got {name!r}")
    return name


def environment_resources() -> dict[str, dg.ConfigurableResource]:
    """Those of `environment_name`."""
    return ENVIRONMENTS[environment_name()]


def schedule_status() -> dg.DefaultScheduleStatus:
    """On, but in development: there nothing runs by the clock until somebody switches it on."""
    started = dg.DefaultScheduleStatus
    return started.STOPPED if environment_name() == "dev" else started.RUNNING

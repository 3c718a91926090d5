"""Every error Vigil raises on purpose.

VigilError
├── UsageError          the caller asked for something that cannot be done (exit code 2)
│   ├── ConfigError     a setting is missing or wrong
│   └── InputError      a file or payload cannot be read at all
├── DependencyError     a server or file system that Vigil needs is down (exit code 3)
│   ├── LogError        the event log
│   ├── StoreError      the database of windows, registry and incidents
│   └── SinkError       the search store of scores and alerts
└── BundleError         a model bundle is damaged, or newer than this version of Vigil

A single bad event is none of these: it becomes a dead letter (`vigil.events.dead_letters`).
"""


class VigilError(Exception):
    """Base of all of Vigil's own errors; its text is one sentence fit for a terminal."""

    exit_code = 1


class UsageError(VigilError):
    """The request cannot be carried out as it was put."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is missing or wrong; the text names the setting and its value."""


class InputError(UsageError):
    """A file cannot be read or is not what the command expects."""


class DependencyError(VigilError):
    """Something outside the process is not available."""

    exit_code = 3


class LogError(DependencyError):
    """The event log cannot be reached or refuses an operation."""


class StoreError(DependencyError):
    """The database cannot be reached or refuses an operation."""


class SinkError(DependencyError):
    """The sink of scores and alerts cannot be reached or refuses documents."""


class BundleError(VigilError):
    """A model bundle cannot be used."""

"""Settings: read once from the environment (prefix VIGIL_) and a TOML file, then passed on.

The environment comes before the file, the file before the defaults.
"""

import difflib
import os
import tomllib
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from platformdirs import user_data_path
from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from vigil.config_history import change_of
from vigil.errors import ConfigError

if TYPE_CHECKING:
    from vigil.detect import DetectorSettings
    from vigil.events.rules import Limits

ROOT = Path(__file__).resolve().parent.parent

# A wheel has no checkout around it: what runs then lives where the system keeps such things.
CHECKOUT = (ROOT / "workspace.yaml").is_file()
DEFAULT_HOME = ROOT / "data" / "local" if CHECKOUT else user_data_path("vigil")

PREFIX = "VIGIL_"
FILE_NAME = "vigil.toml"
# Variables with the prefix that are no settings: the file itself, Dagster's partitions, the tests.
_OTHER_VARIABLES = frozenset(
    {
        "VIGIL_CONFIG",
        "VIGIL_PARTITIONS_START",
        "VIGIL_ENVIRONMENT",
        "VIGIL_TIMEZONE",
        "VIGIL_LAB_URL",
        "VIGIL_BOARD_URL",
        "VIGIL_ABSENT_SERVERS",
        "VIGIL_TEST_TIMESCALE_URL",
        "VIGIL_TEST_ALERTMANAGER",
        "VIGIL_TEST_OTELCOL",
    }
)


def config_path(home: Path | None = None) -> Path | None:
    """The file that VIGIL_CONFIG names, else `vigil.toml` in the working folder, else in the home.

    `home`: the folder that is meant, where it is not VIGIL_HOME. Raises ConfigError for a named
    file that is missing.
    """
    named = os.environ.get("VIGIL_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise ConfigError(f"VIGIL_CONFIG names {named!r}, which is no file")
        return path
    home = home or Path(os.environ.get(_variable("home")) or DEFAULT_HOME).expanduser()
    return next((path for path in (Path(FILE_NAME), home / FILE_NAME) if path.is_file()), None)


class Settings(BaseSettings):
    """Where the parts are and how the stream is cut; `vigil doctor` prints the values in force."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", frozen=True, extra="ignore")

    home: Path = Field(DEFAULT_HOME, description="folder of everything that runs")
    log_url: str = Field("", description="event log; empty: a SQLite file in the home folder")
    store_url: str = Field("", description="database; empty: PostgreSQL started from a wheel")
    state_url: str = Field(
        "", description="the scorer's state; empty: in the database, else sqlite:///PATH"
    )
    sink_url: str = Field("", description="scores and alerts; empty: the database, else http(s)://")
    kibana_url: str = Field("", description="Kibana that `vigil kibana import` fills")
    policy: str = Field("", description="YAML file of routing, silences and channels")
    objectives: str = Field("", description="OpenSLO file that is looked ahead at each hour")
    webhook_url: str = Field(
        "", description="where alerts are posted when there is no policy; empty: printed only"
    )
    metrics_address: str = Field(
        "", description="HOST:PORT where the scorer serves /metrics to Prometheus; empty: nowhere"
    )
    datasets: Path = Field(
        ROOT.parent / "shared" / "datasets", description="real data for demo, tests, benchmarks"
    )
    window_s: int = Field(10, ge=1, le=3600, description="length of a tumbling window")
    out_of_order_s: int = Field(
        5, ge=0, description="how far the watermark trails the newest event"
    )
    lateness_s: int = Field(60, ge=0, description="how long a closed window may still be revised")
    future_s: int = Field(300, ge=0, description="how far ahead of the clock an event may be")
    earliest_at: datetime = Field(
        datetime(2010, 1, 1, tzinfo=UTC), description="an event older than this has a unit error"
    )
    alert_rate: float = Field(
        1e-3,
        gt=0,
        lt=0.5,
        description="share of clean windows of a request metric that may be flagged",
    )

    gates: dict[str, dict[str, float | str]] = Field(
        default_factory=dict,
        description="JSON, gates by group of series where they differ from the defaults",
    )
    calendars: list[dict[str, Any]] = Field(
        default_factory=list,
        description="JSON, time zone and public holidays of series that match, the first counts",
    )

    shadow_h: float = Field(
        6.0, ge=0, description="hours of the live stream in the shadow before a promotion"
    )

    ledger_hot_h: float = Field(
        6.0, ge=1, description="how long decisions stay as rows before they are packed"
    )
    ledger_days: int = Field(30, ge=1, description="how long decisions are kept")

    log_days: int = Field(7, ge=1, description="how long log lines are kept in the database")
    log_lines: int = Field(
        5_000_000, ge=1_000, description="how many log lines are kept in the database at most"
    )

    redact: str = Field(
        "tokens,emails,cards,ips,queries",
        description="what is taken out of free text before it is stored; `none`: nothing",
    )
    redact_patterns: dict[str, str] = Field(
        {}, description="further expressions by name, as JSON; what they find becomes [name]"
    )

    @property
    def limits(self) -> "Limits":
        """What is believed of a record, and what is taken out; raises ConfigError."""
        # Commands that read no records start without the frame library.
        from vigil.events.redaction import redaction_of
        from vigil.events.rules import Limits

        try:
            redaction = redaction_of(self.redact, self.redact_patterns)
        except ValueError as error:
            raise ConfigError(f"VIGIL_REDACT or VIGIL_REDACT_PATTERNS: {error}") from error
        return Limits(self.future_s, self.earliest_at, redaction=redaction)

    @property
    def detector(self) -> "DetectorSettings":
        """How the stream detects; raises ConfigError."""
        # Commands that detect nothing start without the compiler.
        from vigil.detect import DetectorSettings
        from vigil.detect.calendar import calendars_from
        from vigil.detect.rules import rules_with

        return DetectorSettings(
            request_alert_rate=self.alert_rate,
            rules=rules_with(self.gates),
            calendars=calendars_from(self.calendars),
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was passed, the environment, the file; in this order."""
        assert isinstance(init_settings, InitSettingsSource)
        path = config_path(init_settings.init_kwargs.get("home"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    def shown(self) -> dict[str, str]:
        """The values in force, fit to be printed: secrets inside addresses are masked."""
        values = {name: str(value) for name, value in self.model_dump(mode="json").items()}
        for name in ("log_url", "store_url", "sink_url", "kibana_url"):
            values[name] = without_secrets(values[name])
        # A chat system's webhook carries its secret in the path.
        values["webhook_url"] = without_secrets(values["webhook_url"], keep_path=False)
        return values

    @cached_property
    def registry_path(self) -> Path:
        """Folder of model bundles."""
        return self.home / "registry"

    @cached_property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own instance."""
        return self.home / "dagster"


def without_secrets(url: str, keep_path: bool = True) -> str:
    """The address with its password, its query and, unless kept, its path replaced by `***`."""
    try:
        parts = urlsplit(url)
        secret = parts.password
    except ValueError:
        return "***"
    if keep_path and not secret and not parts.query:
        return url
    place = parts.netloc.rpartition("@")[2]
    if parts.username or secret:
        place = f"{parts.username or ''}{':***' if secret else ''}@{place}"
    path = parts.path if keep_path or parts.path in ("", "/") else "/***"
    return urlunsplit((parts.scheme, place, path, "***" if parts.query else "", ""))


def load_settings(**overrides: object) -> Settings:
    """Settings from the environment and the file, with `overrides` on top.

    Raises ConfigError naming the setting, where it was set, the rule and the refused value.
    """
    home = overrides.get("home")
    problems = _unknown_in_file(config_path(Path(str(home)) if home else None))
    if problems:
        raise ConfigError(problems[0])
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ConfigError(_refusals(error)[0]) from error
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})


def find_problems() -> list[str]:
    """A sentence for each setting that is unknown or refused, in file and environment."""
    try:
        problems = _unknown_in_file(config_path())
        Settings()
    except ConfigError as error:
        return [str(error)]
    except ValidationError as error:
        problems += _refusals(error)
    return problems + _unknown_in_environment()


def origins() -> dict[str, str]:
    """Setting → where its value comes from: the variable, the file, or `default`."""
    path = config_path()
    in_file = _file_values(path)
    return {
        name: _variable(name)
        if _variable(name) in os.environ
        else str(path)
        if name in in_file
        else "default"
        for name in Settings.model_fields
    }


def _variable(name: str) -> str:
    return PREFIX + name.upper()


def _file_values(path: Path | None) -> dict[str, object]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}") from error


def _unknown_in_file(path: Path | None) -> list[str]:
    names = list(Settings.model_fields)
    return [
        f"{path}: {name} {_fate(name) or f'is no setting{_nearest(name, names)}'}"
        for name in _file_values(path)
        if name not in names
    ]


def _unknown_in_environment() -> list[str]:
    names = [_variable(name) for name in Settings.model_fields]
    return [
        f"{name} is no setting{_nearest(name, names)}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX)
        and name not in names
        and name not in _OTHER_VARIABLES
        and not change_of(_setting(name))
    ] + outdated_variables()


def outdated_variables() -> list[str]:
    """A sentence for each variable of an earlier version."""
    return [
        f"{name} {change.words}"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and (change := change_of(_setting(name)))
    ]


def _setting(variable: str) -> str:
    return variable.removeprefix(PREFIX).lower()


def _fate(name: str) -> str:
    """What became of a setting of an earlier version, empty where there was none."""
    change = change_of(name)
    return f"{change.words}; `vigil config migrate` changes the file" if change else ""


def _nearest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


def _refusals(error: ValidationError) -> list[str]:
    """A sentence for each refused value, with the variable or the place in the file."""
    where = origins()
    sentences = []
    for problem in error.errors():
        name = "_".join(str(part) for part in problem["loc"])
        given = problem["input"]
        if "url" in name:
            given = without_secrets(str(given))
        place = where.get(name, "default")
        named = f"{place}: {name}" if place.endswith(".toml") else _variable(name)
        sentences.append(f"{named}: {problem['msg']}, got {given!r}")
    return sentences

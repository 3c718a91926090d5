"""Settings: read once from the environment (prefix VIGIL_), then passed on as a value."""

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from vigil.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


class Settings(BaseSettings):
    """Where the parts are and how the stream is cut; `vigil doctor` prints the values in force."""

    model_config = SettingsConfigDict(env_prefix="VIGIL_", frozen=True, extra="ignore")

    home: Path = Field(ROOT / "data" / "local", description="folder of everything that runs")
    log_url: str = Field("", description="event log; empty: a SQLite file in the home folder")
    store_url: str = Field("", description="database; empty: PostgreSQL started from a wheel")
    sink_url: str = Field("", description="scores and alerts; empty: the database, else http(s)://")
    kibana_url: str = Field("", description="Kibana that `vigil kibana import` fills")
    policy: str = Field("", description="YAML file of routing, silences and channels")
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

    ledger_hot_h: float = Field(
        6.0, ge=1, description="how long decisions stay as rows before they are packed"
    )
    ledger_days: int = Field(30, ge=1, description="how long decisions are kept")

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
    """Settings from the environment, with `overrides` on top.

    Raises ConfigError naming the variable and the refused value.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = "VIGIL_" + "_".join(str(part) for part in first["loc"]).upper()
        given = without_secrets(str(first["input"])) if "URL" in name else first["input"]
        raise ConfigError(f"{name}: {first['msg']}, got {given!r}") from error
    return settings.model_copy(update={"home": settings.home.expanduser().resolve()})

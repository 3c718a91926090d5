"""A `kafka://` URL taken apart, for clients on librdkafka and on Java."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from vigil.config import without_secrets
from vigil.errors import ConfigError

SCHEMES = ("kafka", "kafkas")


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """A parsed URL: what clients connect with, and how topics are made."""

    client: Mapping[str, Any]
    partitions: int
    replicas: int
    shown: str


def parse_address(url: str) -> KafkaAddress:
    """`kafka://[user:password@]host:port[,host:port…][?options]`; `kafkas://` is TLS.

    Options: `ca`, `cert`, `key` (PEM files), `mechanism` (of SASL, SCRAM-SHA-512 unless given),
    `partitions` and `replicas` of topics that Vigil makes (1 each). Raises ConfigError.
    """
    shown = without_secrets(url)
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    options = dict(parse_qsl(parts.query))
    unknown = set(options) - {"ca", "cert", "key", "mechanism", "partitions", "replicas"}
    if parts.scheme not in SCHEMES or not hosts or unknown:
        reason = f"no option {sorted(unknown)[0]!r}" if unknown else "needs kafka://HOST:PORT"
        raise ConfigError(f"VIGIL_LOG_URL {reason}, got {shown!r}")
    client: dict[str, Any] = {"bootstrap.servers": hosts}
    tls = parts.scheme == "kafkas"
    if login:
        user, _, password = login.partition(":")
        client |= {
            "security.protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "sasl.mechanism": options.get("mechanism", "SCRAM-SHA-512"),
            "sasl.username": unquote(user),
            "sasl.password": unquote(password),
        }
    elif tls:
        client["security.protocol"] = "SSL"
    files = {"ca": "ssl.ca.location", "cert": "ssl.certificate.location", "key": "ssl.key.location"}
    client |= {files[name]: value for name, value in options.items() if name in files}
    for name in files:
        if name in options and not Path(options[name]).is_file():
            raise ConfigError(f"VIGIL_LOG_URL: no file {options[name]} ({name}), got {shown!r}")
    try:
        counts = {name: int(options.get(name, 1)) for name in ("partitions", "replicas")}
    except ValueError as error:
        raise ConfigError(
            f"VIGIL_LOG_URL needs whole numbers of partitions, got {shown!r}"
        ) from error
    return KafkaAddress(client, **counts, shown=shown)

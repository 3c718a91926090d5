"""How lines of known access logs are laid out; a format of one's own is a pattern or a mapping.

Fields that a format may find, all as text:
`time`, `request` (method, target and protocol) or `method` and `target` (a path or URL), `status`,
`request_bytes`, `response_bytes`, `duration_s`, `duration_ms` or `duration_us`, `service`, `error`,
`trace_id`, `span_id`, and what records are about (`tenant`, `environment`, `cloud`, `region`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from vigil.errors import InputError

FIELDS = (
    "time", "request", "method", "target", "status", "request_bytes", "response_bytes",
    "duration_s", "duration_ms", "duration_us", "service", "error", "trace_id", "span_id",
    "tenant", "environment", "cloud", "region",
)  # fmt: skip

_QUOTED = r'"(?:[^"\\]|\\.)*"'


@dataclass(frozen=True, slots=True)
class LineFormat:
    """A layout of lines: `pattern` with named groups, or `paths`: field → places in a JSON object,
    dotted, the first that is there counts.

    `at_end`: lines carry the time at which the answer was finished. `constants`: field → text.
    """

    name: str
    pattern: str = ""
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    at_end: bool = False
    constants: Mapping[str, str] = field(default_factory=dict)


# Common and combined; behind them whatever the server adds, the duration recognised by its shape.
_COMBINED = (
    r"^(?:(?P<service>[A-Za-z][\w.-]*):\d+ )?\S+ \S+ .*? \[(?P<time>[^\]]+)\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<response_bytes>\d+|-)'
    rf"(?: {_QUOTED} {_QUOTED})?(?: {_QUOTED})?"
)

FORMATS: Mapping[str, LineFormat] = {
    item.name: item
    for item in (
        LineFormat(
            "nginx",
            pattern=_COMBINED + r"(?: (?:rt=|request_time=)?(?P<duration_s>\d+\.\d+))?",
            at_end=True,
        ),
        LineFormat("apache", pattern=_COMBINED + r"(?: (?:D=)?(?P<duration_us>\d+))?"),
        LineFormat(
            "haproxy",
            pattern=(
                r"\S+ \[(?P<time>\d{2}/\w{3}/\d{4}:[\d:.]+)\] \S+ (?P<service>[^/ ]+)/\S+ "
                r"(?:-?\d+/){4}\+?(?P<duration_ms>-?\d+) (?P<status>-?\d+) "
                r'\+?(?P<response_bytes>\d+) .*"(?P<request>[^"]*)"'
            ),
        ),
        LineFormat(
            "aws-alb",
            pattern=(
                r"^(?:https?|h2|grpcs|wss?) (?P<time>\S+) app/(?P<service>[^/ ]+)/\S+ \S+ \S+ "
                r"(?P<request_s>\S+) (?P<target_s>\S+) (?P<response_s>\S+) (?P<status>\S+) \S+ "
                rf'(?P<request_bytes>\d+) (?P<response_bytes>\d+) "(?P<request>(?:[^"\\]|\\.)*)" '
                rf'{_QUOTED} \S+ \S+ \S+ "(?:Root=)?(?P<trace_id>[^";]*)'
            ),
            at_end=True,
            constants={"cloud": "aws"},
        ),
        LineFormat(
            "azure",
            paths={
                "time": ("time", "timeStamp"),
                "method": ("properties.httpMethod",),
                "target": ("properties.requestUri",),
                "status": ("properties.httpStatus", "properties.httpStatusCode"),
                "request_bytes": ("properties.receivedBytes", "properties.requestBytes"),
                "response_bytes": ("properties.sentBytes", "properties.responseBytes"),
                "duration_s": ("properties.timeTaken",),
                "service": ("properties.backendPoolName", "properties.host", "properties.hostName"),
                "error": ("properties.error_info", "properties.errorInfo"),
            },
            at_end=True,
            constants={"cloud": "azure"},
        ),
        LineFormat(
            "gcp",
            paths={
                "time": ("timestamp",),
                "method": ("httpRequest.requestMethod",),
                "target": ("httpRequest.requestUrl",),
                "status": ("httpRequest.status",),
                "request_bytes": ("httpRequest.requestSize",),
                "response_bytes": ("httpRequest.responseSize",),
                "duration_s": ("httpRequest.latency",),
                "service": (
                    "resource.labels.backend_service_name",
                    "resource.labels.url_map_name",
                ),
                "trace_id": ("trace",),
                "span_id": ("spanId",),
            },
            constants={"cloud": "gcp"},
        ),
        LineFormat(
            "envoy",
            paths={
                "time": ("start_time",),
                "method": ("method",),
                "target": ("path", "x_envoy_original_path"),
                "status": ("response_code",),
                "request_bytes": ("bytes_received",),
                "response_bytes": ("bytes_sent",),
                "duration_ms": ("duration",),
                "service": ("authority",),
                "error": ("response_flags",),
                "trace_id": ("trace_id", "traceparent"),
            },
        ),
    )
}


def custom_format(pattern: str, paths: Mapping[str, str], at_end: bool) -> LineFormat:
    """A format of one's own: a regular expression with named groups, or field → JSON path.

    Raises InputError for a pattern that cannot be, and for fields that nobody knows.
    """
    if pattern:
        try:
            found = pl.Series([""]).str.extract_groups(pattern).struct.fields
        except (pl.exceptions.PolarsError, TypeError) as error:
            raise InputError(f"pattern must be a regular expression, got {pattern!r}") from error
    else:
        found = list(paths)
    unknown = sorted(set(found) - set(FIELDS))
    if unknown or not found:
        named = f"got {unknown[0]!r}" if unknown else "got none"
        raise InputError(f"fields of a log line must be some of {', '.join(FIELDS)}; {named}")
    places = {name: (path.removeprefix("$."),) for name, path in paths.items()}
    return LineFormat("custom", pattern, places, at_end)

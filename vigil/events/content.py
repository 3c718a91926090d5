"""How a message says what it holds: the header and the media types that Vigil reads."""

import re
from collections.abc import Sequence

from vigil.events.joined import beginnings

CONTENT_TYPE = "content-type"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
JSON = "application/json"
PROTOBUF = "application/x-protobuf"
# Lines of an access log; its parameters say of which format, see `vigil.events.access_logs`.
ACCESS_LOG = "text/x-access-log"
# Not a registered type: JSON whose one object is an OTLP export request.
OTLP_JSON = "application/json; otlp"

KNOWN = (ARROW_STREAM, NDJSON, JSON, PROTOBUF, ACCESS_LOG)

# A JSON object whose first field can be none of those: three bytes tell.
_OTHER_FIELD = re.compile(rb'\{"[^rR]')
_OTLP_FIELD = re.compile(rb'\s*\{\s*"resource_?(spans|logs|metrics)"', re.IGNORECASE)


def numbers_by_form(content_types: Sequence[str], values: Sequence[bytes]) -> dict[str, list[int]]:
    """Form → numbers of the payloads that have it, ascending; see `form_of`."""
    # The usual case at the highest rates: one declared type, from which only OTLP differs.
    alike = len(set(content_types)) == 1 and content_types[0] in (JSON, NDJSON)
    if alike and not _any_otlp(values):
        return {content_types[0]: list(range(len(values)))}
    found: dict[str, list[int]] = {}
    for number, (content_type, value) in enumerate(zip(content_types, values, strict=True)):
        found.setdefault(form_of(content_type, value), []).append(number)
    return found


def _any_otlp(values: Sequence[bytes]) -> bool:
    if all(map(_OTHER_FIELD.match, beginnings(values, 3))):
        return False
    return any(map(_OTLP_FIELD.match, values))


def form_of(content_type: str, value: bytes) -> str:
    """One of the types above, or "" for an unknown one.

    Parameters such as a charset are ignored. A message of another producer may have no header (the
    OpenTelemetry Collector's Kafka exporter writes none): then the first bytes tell.

    >>> form_of("", b'{"resourceSpans": []}')
    'application/json; otlp'
    """
    if content_type == OTLP_JSON:
        return OTLP_JSON
    named = content_type.partition(";")[0].strip().lower() or _sniff(value)
    if named in (JSON, NDJSON) and _OTLP_FIELD.match(value):
        return OTLP_JSON
    return named if named in KNOWN else ""


def _sniff(value: bytes) -> str:
    if value.startswith(b"\xff\xff\xff\xff"):
        return ARROW_STREAM
    # Field 1, length-delimited: every OTLP export request begins so. It is a line feed as well,
    # but a length is no beginning of a JSON object.
    if value.startswith(b"\n") and not value.lstrip().startswith(b"{"):
        return PROTOBUF
    return NDJSON if value.lstrip()[:1] in (b"{", b"[") else ""

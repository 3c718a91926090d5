"""How a message says what it holds: the header and the media types that Vigil reads."""

CONTENT_TYPE = "content-type"
ARROW_STREAM = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
JSON = "application/json"

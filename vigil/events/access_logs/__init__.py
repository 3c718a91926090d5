"""Access logs of web servers, proxies and load balancers: lines in columns of events."""

from vigil.events.access_logs.formats import FORMATS, LineFormat, custom_format
from vigil.events.access_logs.parse import AccessLog, access_log_type, parse_access_log

__all__ = [
    "FORMATS",
    "AccessLog",
    "LineFormat",
    "access_log_type",
    "custom_format",
    "parse_access_log",
]

"""Lines of real servers become events."""

from datetime import UTC, datetime

import pytest
from access_log_lines import ALB, GATEWAY, GCP
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.errors import InputError
from vigil.events.access_logs import FORMATS, AccessLog, access_log_type, custom_format
from vigil.events.access_logs.parse import read_access_log_type
from vigil.events.decode import Limits, Payload, decode
from vigil.events.schema import EVENTS

NOW_AT = datetime(2026, 4, 1, tzinfo=UTC)

NGINX = (
    '203.0.113.9 - alice [31/Mar/2026:23:00:01 +0200] "GET /orders/17?token=x HTTP/1.1" 200 512 '
    '"https://shop.example/" "Mozilla/5.0 (X11; \\"odd\\") Gecko" 0.250'
)
APACHE = (
    '203.0.113.9 - - [31/Mar/2026:21:00:01 +0000] "POST /login HTTP/1.1" 503 - "-" "curl/8.0" 1500'
)
HAPROXY = (
    "Mar 31 21:00:01 lb haproxy[14389]: 10.0.1.2:33317 [31/Mar/2026:21:00:01.655] http-in "
    'static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {1wt.eu} {} "GET /index HTTP/1.1"'
)
FRONT_DOOR = (
    '{"time":"2026-03-31T21:00:01.2Z","category":"FrontDoorAccessLog","properties":{"httpMethod":'
    '"GET","httpStatusCode":"200","requestUri":"https://shop.example:443/orders/17?a=b",'
    '"requestBytes":"65","responseBytes":"553","timeTaken":"0.200","hostName":"shop.example"}}'
)
ENVOY = (
    '{"authority":"orders:8000","bytes_received":0,"bytes_sent":135,"duration":4,"method":"GET",'
    '"path":"/orders/17?x","response_code":503,"response_flags":"UF","start_time":'
    '"2026-03-31T21:00:01.409Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad-01"}'
)


def read(log, *lines):
    """Decode lines as a message with the log's content type."""
    value = "\n".join(lines).encode("utf-8", "surrogateescape")
    return decode([Payload(access_log_type(log), value, "file x")], EVENTS, NOW_AT, Limits())


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("nginx", NGINX, ("00.750", "GET", "/orders/{id}", 200, 250.0, 512, None)),
        ("apache", APACHE, ("01.000", "POST", "/login", 503, 1.5, None, None)),
        ("haproxy", HAPROXY, ("01.655", "GET", "/index", 200, 109.0, 2750, "static")),
        ("aws-alb", ALB, ("01.000", "GET", "/carts/{id}", 502, 500.0, 366, "shop-lb")),
        ("azure", GATEWAY, ("01.000", "GET", "/orders/{id}", 404, 200.0, 553, "shop.example")),
        ("azure", FRONT_DOOR, ("01.000", "GET", "/orders/{id}", 200, 200.0, 553, "shop.example")),
        ("gcp", GCP, ("01.100", "GET", "/orders/{id}", 200, 123.456, 273, "orders")),
        ("envoy", ENVOY, ("01.409", "GET", "/orders/{id}", 503, 4.0, 135, "orders:8000")),
    ],
)
def test_a_line_of_each_format_is_an_event(name, line, expected):
    """Time of the start, method, route, status, duration, size; the query is dropped."""
    service = expected[-1]
    identity = {} if service else {"service": "web"}
    decoded = read(AccessLog(FORMATS[name], identity), line)
    assert decoded.dead.is_empty()
    [row] = decoded.records.to_dicts()
    got = (row["time"].strftime("%S.%f")[:-3], row["method"], row["route"], row["status"])
    got += (round(row["duration_ms"], 6), row["response_bytes"], row["service"])
    assert got == (*expected[:-1], service or "web")
    assert row["time"].strftime("%Y-%m-%dT%H") in ("2026-03-31T21", "2026-03-31T20")


def test_details_that_only_some_formats_have():
    """Cloud, errors, traces, request sizes."""
    alb = read(AccessLog(FORMATS["aws-alb"]), ALB).records.to_dicts()[0]
    envoy = read(AccessLog(FORMATS["envoy"]), ENVOY).records.to_dicts()[0]
    gcp = read(AccessLog(FORMATS["gcp"]), GCP).records.to_dicts()[0]
    assert (alb["cloud"], alb["trace_id"]) == ("aws", "1-58337262-36d228ad5d99923122bbe354")
    assert (envoy["error"], envoy["trace_id"]) == ("UF", "0af7651916cd43dd8448eb211c80319c")
    assert (gcp["request_bytes"], gcp["trace_id"], gcp["span_id"]) == (220, "abc", "b4ee")


def test_combined_without_a_duration_counts_requests():
    """What every server writes unasked: the latency is not known and 0."""
    [row] = read(AccessLog(FORMATS["nginx"], {"service": "web"}), NGINX[:-6]).records.to_dicts()
    assert (row["duration_ms"], row["status"]) == (0.0, 200)


@pytest.mark.parametrize("name", FORMATS)
def test_a_line_of_another_format_is_a_dead_letter(name):
    """With its number; its neighbours are read; empty lines are none."""
    good = {"nginx": NGINX, "apache": APACHE, "haproxy": HAPROXY, "aws-alb": ALB, "azure": GATEWAY}
    line = {**good, "gcp": GCP, "envoy": ENVOY}[name]
    decoded = read(AccessLog(FORMATS[name], {"service": "web"}), line, "what?", "", line)
    assert decoded.records.height == 2
    assert decoded.dead.select("line", "field", "rule").rows() == [
        (2, "record", f"must be a line of the format {name}")
    ]
    assert decoded.dead["raw"].to_list() == ["what?"]


@pytest.mark.parametrize("name", FORMATS)
@settings(deadline=None)
@given(lines=st.lists(st.text(max_size=80), max_size=5))
def test_no_line_breaks_a_format(name, lines):
    """accepted + dead = lines."""
    whole = [line.replace("\n", " ").encode("utf-8", "replace").decode() for line in lines]
    decoded = read(AccessLog(FORMATS[name], {"service": "web"}), *whole)
    filled = [line for line in whole if line.encode().strip()]
    assert decoded.records.height + decoded.dead.height == len(filled)


def test_a_format_of_ones_own():
    """A pattern with named groups, or fields by their place in JSON; both survive the header."""
    pattern = r"^(?P<time>\S+) (?P<method>\S+) (?P<target>\S+) (?P<status>\d+) (?P<duration_ms>\d+)"
    by_pattern = AccessLog(custom_format(pattern, {}, at_end=False), {"service": "a"})
    paths = {"time": "$.at", "target": "http.path", "duration_us": "took", "service": "app"}
    by_paths = AccessLog(custom_format("", paths, at_end=False))
    for log in (by_pattern, by_paths):
        assert read_access_log_type(access_log_type(log)) == log
    one = read(by_pattern, "2026-03-31T21:00:01Z GET /a/1 200 5").records.to_dicts()[0]
    line = '{"at": "2026-03-31T21:00:01Z", "http": {"path": "/a/1"}, "took": 5000, "app": "a"}'
    two = read(by_paths, line).records.to_dicts()[0]
    for row in (one, two):
        assert (row["route"], row["duration_ms"], row["service"]) == ("/a/{id}", 5.0, "a")


@pytest.mark.parametrize(("pattern", "paths"), [("(", {}), ("a", {}), ("", {}), ("", {"x": "y"})])
def test_a_format_that_finds_nothing_is_refused(pattern, paths):
    """No expression, no groups, no fields, unknown fields."""
    with pytest.raises(InputError):
        custom_format(pattern, paths, at_end=False)


def test_an_unknown_format_is_one_dead_letter():
    """A message may come from anywhere."""
    payload = Payload("text/x-access-log; format=iis", b"a\nb", "x")
    assert decode([payload], EVENTS, NOW_AT, Limits()).dead["field"].to_list() == ["content-type"]

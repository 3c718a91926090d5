"""Message, severity and trace are read from lines of any form."""

import orjson
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from vigil.logs.lines import split_lines
from vigil.logs.raw import RawMiner
from vigil.logs.severity import CLASSES, severity_class, severity_in_text
from vigil.logs.structured import messages_of, read_fields

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def fields(*lines: str | None) -> list[tuple]:
    """(message, severity, trace_id, span_id) of each line."""
    return read_fields(pl.Series(lines, dtype=pl.String)).rows()


def test_json_of_common_loggers_is_read():
    """zap, pino, python-json-logger, Elastic's loggers, Serilog, Google Cloud."""
    assert fields(
        f'{{"level":"warn","ts":1.5,"msg":"cart is empty","trace_id":"{TRACE}"}}',
        '{"level":50,"time":1531171074631,"msg":"no stock"}',
        f'{{"levelname":"ERROR","message":"no","otelTraceID":"{TRACE}","otelSpanID":"{SPAN}"}}',
        f'{{"log.level":"info","message":"hello","trace.id":"{TRACE}"}}',
        '{"@l":"Fatal","@m":"down"}',
        '{"severity":"NOTICE","textPayload":"hello"}',
    ) == [
        ("cart is empty", "warn", TRACE, None),
        ("no stock", "50", None, None),
        ("no", "ERROR", TRACE, SPAN),
        ("hello", "info", TRACE, None),
        ("down", "Fatal", None, None),
        ("hello", "NOTICE", None, None),
    ]


def test_a_container_log_is_read_through():
    """The line within the line has the message."""
    inner = orjson.dumps({"level": "error", "msg": "no stock"}).decode()
    outer = orjson.dumps({"log": inner + "\n", "stream": "stderr"}).decode()
    assert (
        fields(outer, '{"log":"level=error msg=\\"no stock\\"\\n"}')
        == [("no stock", "error", None, None)] * 2
    )


def test_logfmt_is_read():
    """With quoted and with plain values."""
    assert fields(
        f'time=2026-03-02T08:00:00Z level=warn msg="say \\"no\\" now" traceID={TRACE} n=1',
        "level=info message=started",
    ) == [('say "no" now', "warn", TRACE, None), ("started", "info", None, None)]


def test_plain_text_names_traces_only():
    """The line itself is the message then."""
    assert fields(f"GET /a trace_id={TRACE} span_id={SPAN} done", "no traces here", None) == [
        (None, None, TRACE, SPAN), (None, None, None, None), (None, None, None, None),
    ]  # fmt: skip


@given(st.text(min_size=1), st.sampled_from(["message", "msg", "@m"]), st.text())
def test_any_message_comes_back_from_json(message, name, other):
    """Whatever stands beside it, and also beside a broken line."""
    line = orjson.dumps({"n": 1, name: message, "other": other}).decode()
    looks_inner = message.lstrip().startswith("{") or "=" in message
    for batch in ([line], [line, '{"message": "cut o']):
        found = fields(*batch)[0][0]
        assert found == message or looks_inner or "\x00" in message


@given(st.text())
def test_any_line_is_a_line(text):
    """Nothing that a line may hold stops the reading."""
    assert len(fields(text, "{" + text, "a=" + text, "trace_id=" + text)) == 4


def test_severities_have_many_names():
    """Of loggers, of syslog, of OpenTelemetry."""
    classes = {
        "trace": "TRACE", "Debug": "DEBUG", "INFO": "INFO", "notice": "INFO", "Warning": "WARN",
        "err": "ERROR", "SEVERE": "ERROR", "crit": "FATAL", "3": "ERROR", "30": "INFO",
        "WARN3": "WARN",
    }  # fmt: skip
    assert severity_class(pl.Series(list(classes))).to_list() == list(classes.values())
    assert set(severity_class(pl.Series(CLASSES))) == set(CLASSES)


def test_the_severity_of_a_plain_line_stands_near_its_beginning():
    """In capitals or brackets, as glog's letter or syslog's number; prose is none."""
    lines = {
        "2026-03-02 08:00:00,123 ERROR shop.Cart: no stock": "ERROR",
        "[Mon Mar 02 08:00:00 2026] [error] [client 10.0.0.0] no file": "ERROR",
        "W0302 08:00:00.123456 7 server.go:3] slow": "WARN",
        "<11>Mar  2 08:00:00 host app: no": "ERROR",
        "an error occurred, no info": None,
        "GET /INFO/x": None,
        "x" * 300 + " ERROR": None,
    }
    assert severity_in_text(pl.Series(list(lines))).to_list() == list(lines.values())


def test_messages_alone_are_mined():
    """Lines that differ in their fields only are of one template; plain logs stay as they are."""
    block = b"".join(
        orjson.dumps({"ts": n, "level": "info", "msg": f"order {n} accepted", "user": f"u{n}"})
        + b"\n"
        for n in range(50)
    )
    miner = RawMiner()
    miner.observe(messages_of(split_lines(block)))
    assert miner.miner.table()["template"].to_list() == ["order <*> accepted"]
    plain = split_lines(b"INFO order 7 accepted\n")
    assert messages_of(plain) is plain

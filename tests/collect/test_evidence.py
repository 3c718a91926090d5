"""Traces, logs and metrics around an instant, from files and folders of several formats."""

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from vigil.collect.evidence import read_evidence
from vigil.errors import InputError
from vigil.events.rules import Limits

AT = datetime(2023, 1, 29, 8, 43, 4, tzinfo=UTC)
UNTIL = AT + timedelta(minutes=3)
HEADER = (
    "TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano,Duration\n"
)
LOG_HEADER = "Timestamp,TimeUnixNano,Node,PodName,Container,TraceID,SpanID,Log\n"


def write_minute(folder: Path, minute: str, start_at: datetime) -> Path:
    """A Nezha file of one span of 2 ms."""
    start = int(start_at.timestamp()) * 1_000_000_000
    line = (
        f"t{minute},s,root,cart-service-6f6cfc45b-h5m2n,/carts,{start},{start + 2_000_000},2000\n"
    )
    path = folder / f"{minute}_trace.csv.gz"
    path.write_bytes(gzip.compress((HEADER + line).encode()))
    return path


def read(paths: list[Path], kind: str = "events") -> pl.DataFrame | None:
    """What is known at AT + 3 min."""
    return read_evidence(paths, kind, AT, UNTIL, Limits())


def test_a_pod_is_its_service_and_a_root_has_no_parent(tmp_path):
    """Nezha's spans become events."""
    path = write_minute(tmp_path, "08_43", AT)
    frame = read([path])
    assert frame is not None
    row = frame.row(0, named=True)
    assert (row["service"], row["route"], row["duration_ms"]) == ("cart-service", "/carts", 2.0)
    assert row["parent_span_id"] is None
    assert row["time"] == AT


def test_a_folder_is_searched_and_the_future_is_not_looked_at(tmp_path):
    """Files after the third minute, and spans in earlier files, count only if before the limit."""
    write_minute(tmp_path, "08_43", AT)
    write_minute(tmp_path, "08_46", UNTIL)
    write_minute(tmp_path, "08_58", AT + timedelta(minutes=15))
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    frame = read([tmp_path])
    assert frame is not None
    assert frame["trace_id"].to_list() == ["t08_43"]


def test_a_line_wrapped_by_the_container_runtime_is_unwrapped(tmp_path):
    """Even where the service writes JSON itself."""
    start = int(AT.timestamp()) * 1_000_000_000
    plain = '"{""log"":""INFO A#1 ready\\n"",""stream"":""stdout""}"'
    nested = '"{""log"":""{\\""message\\"":\\""hello\\""}\\n"",""stream"":""stdout""}"'
    lines = [f"x,{start},n,cart-6f6cfc45b-h5m2n,server,t,s,{text}\n" for text in (plain, nested)]
    path = tmp_path / "08_43_log.csv.gz"
    path.write_bytes(gzip.compress((LOG_HEADER + "".join(lines)).encode()))
    frame = read([path], "logs")
    assert frame is not None
    assert [body.strip() for body in frame["body"]] == ["INFO A#1 ready", "hello"]


def test_metrics_are_read_by_the_text_of_their_instant_and_get_a_known_name(tmp_path):
    """The epoch seconds beside it are wrong for some pods; percent become shares."""
    path = tmp_path / "cart-6f6cfc45b-h5m2n_metric.csv"
    path.write_text(
        "Time,TimeStamp,PodName,CpuUsageRate(%),PodWorkload(Ops)\n"
        "2023-01-29 08:43:09.96 +0000 UTC m=+1.0,1861140279,cart-6f6cfc45b-h5m2n,26.5,NaN\n"
    )
    frame = read([path], "metrics")
    assert frame is not None
    assert frame["metric"].to_list() == ["k8s.pod.cpu.limit.utilization"]
    assert frame["value"].to_list() == [pytest.approx(0.265)]
    assert frame["time"].to_list() == [datetime(2023, 1, 29, 8, 43, 9, tzinfo=UTC)]


def test_otlp_json_is_read(tmp_path):
    """An export request as the OpenTelemetry Collector writes it to a file."""
    start = int(AT.timestamp()) * 1_000_000_000
    path = tmp_path / "traces.json"
    path.write_text(
        '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":'
        '{"stringValue":"cart"}}]},"scopeSpans":[{"spans":[{"traceId":"'
        + "5b8efff798038103d269b633813fc60c"
        + '","spanId":"eee19b7ec3c1b174","name":"GET /carts","kind":2,"startTimeUnixNano":"'
        + f'{start}","endTimeUnixNano":"{start + 5_000_000}"'
        + "}]}]}]}"
    )
    frame = read([tmp_path])
    assert frame is not None
    assert frame.select("service", "duration_ms").row(0) == ("cart", 5.0)


def test_a_named_file_of_another_kind_is_refused(tmp_path):
    """In a folder it is passed over; named, it is a mistake."""
    path = write_minute(tmp_path, "08_43", AT)
    assert read([tmp_path], "logs") is None
    with pytest.raises(InputError, match="holds no logs"):
        read([path], "logs")


def test_whatever_lies_beside_is_passed_over_and_a_broken_file_too(tmp_path, caplog):
    """One lost minute of a day must not lose the day."""
    write_minute(tmp_path, "08_43", AT)
    broken = tmp_path / "08_42_trace.csv.gz"
    broken.write_bytes(gzip.compress(HEADER.encode())[:-9])
    (tmp_path / "08_41_trace.csv.gz").write_bytes(b"")
    (tmp_path / "README.md").write_text("# notes")
    (tmp_path / "fault_list.json").write_text('{"08": []}')
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff")
    frame = read([tmp_path])
    assert frame is not None
    assert frame["trace_id"].to_list() == ["t08_43"]
    with pytest.raises(InputError, match="08_42"):
        read([broken])


@pytest.mark.parametrize("packed", [True, False], ids=["gz", "plain"])
def test_columns_may_come_in_any_order_with_others_among_them(tmp_path, packed):
    """Without an end a span lasts its duration; lines without what is needed are left out."""
    start = int(AT.timestamp()) * 1_000_000_000
    text = (
        '\ufeff"Extra",Duration,PodName,TraceID,SpanID,ParentID,OperationName,StartTimeUnixNano\n'
        f"x,2500,cart,t1,s1,root,/carts,{start}\n"
        f"x,2500,cart,t2,s1,root,/carts,soon\n"
        f"x,,cart,t3,s1,root,/carts,{start}\n"
        f"x,1,,t4,s1,root,/carts,{start},more,and,more\n"
    )
    path = tmp_path / ("08_43_trace.csv.gz" if packed else "08_43_trace.csv")
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    frame = read([path])
    assert frame is not None
    assert frame.select("trace_id", "duration_ms").rows() == [("t1", 2.5)]

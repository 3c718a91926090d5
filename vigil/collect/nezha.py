"""The csv.gz files of the Nezha data set as events, logs and metrics.

Source: Yu et al., "Nezha: Interpretable Fine-Grained Root Causes Analysis for Microservices on
Multi-modal Observability Data", FSE 2023. A file of traces or logs holds one minute; a file of
metrics one pod, a row a minute.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

logger = logging.getLogger(__name__)

TRACE_COLUMNS = ("TraceID", "SpanID", "ParentID", "PodName", "OperationName", "StartTimeUnixNano")
LOG_COLUMNS = ("TraceID", "SpanID", "PodName", "TimeUnixNano", "Log")
METRIC_COLUMNS = ("Time", "PodName", "CpuUsageRate(%)")

# A pod of a deployment is named service, replica set, five letters.
_POD_SUFFIX = r"-[0-9a-f]{8,10}-[0-9a-z]{5}$"
# Their names in OpenTelemetry, as far as there are; shares of a limit run from 0 to 1.
_METRICS = {
    "CpuUsageRate(%)": ("k8s.pod.cpu.limit.utilization", 0.01),
    "MemoryUsageRate(%)": ("k8s.pod.memory.limit.utilization", 0.01),
    "NetworkReceiveBytes": ("k8s.pod.network.receive", 1.0),
    "NetworkTransmitBytes": ("k8s.pod.network.transmit", 1.0),
    "PodServerLatencyP95(s)": ("server.latency.p95", 1.0),
    "PodClientLatencyP95(s)": ("client.latency.p95", 1.0),
    "PodWorkload(Ops)": ("server.rate", 1.0),
}


def _service() -> pl.Expr:
    return pl.col("PodName").str.replace(_POD_SUFFIX, "").alias("service")


def _whole(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.Int64, strict=False)


def _instant(nanoseconds: str) -> pl.Expr:
    return pl.from_epoch(_whole(nanoseconds) // 1_000, "us").dt.replace_time_zone("UTC")


def read_spans(path: Path) -> pl.DataFrame:
    """One minute of spans, the columns of EVENTS that it has.

    A span ends at `EndTimeUnixNano`; without that column it lasts `Duration` µs. Lines without
    trace, pod, beginning or length are left out with a warning.
    """
    frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    if "EndTimeUnixNano" in frame.columns:
        lasted_ms = (_whole("EndTimeUnixNano") - _whole("StartTimeUnixNano")) / 1e6
    else:
        lasted_ms = pl.col("Duration").cast(pl.Float64, strict=False) / 1e3
    spans = frame.select(
        _instant("StartTimeUnixNano").alias("time"),
        trace_id="TraceID",
        span_id="SpanID",
        parent_span_id=pl.when(pl.col("ParentID") != "root").then("ParentID"),
        service=_service(),
        route="OperationName",
        duration_ms=lasted_ms.clip(0),
    )
    return _usable(spans, path, ["time", "trace_id", "span_id", "service", "duration_ms"])


def read_logs(path: Path) -> pl.DataFrame:
    """One minute of log lines, the columns of LOGS that it has.

    The container runtime wrapped each line in JSON, and some services theirs once more.
    """
    frame = pl.read_csv(
        path, columns=list(LOG_COLUMNS), infer_schema=False, truncate_ragged_lines=True
    )
    line = pl.col("Log").str.json_path_match("$.log")
    inner = pl.when(line.str.starts_with("{")).then(line.str.json_path_match("$.message"))
    lines = frame.select(
        _instant("TimeUnixNano").alias("time"),
        trace_id="TraceID",
        span_id="SpanID",
        service=_service(),
        body=pl.coalesce(inner, line, "Log"),
    )
    return _usable(lines, path, ["time", "service", "body"])


def read_metrics(path: Path) -> pl.DataFrame:
    """A pod's metrics in long form, the columns of METRICS that they have.

    The instant is read from the text: the epoch seconds beside it are wrong for some pods.
    """
    frame = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=True)
    at = (
        pl.col("Time")
        .str.slice(0, 19)
        .str.to_datetime("%Y-%m-%d %H:%M:%S", time_zone="UTC", strict=False)
    )
    wide = frame.select(
        at.dt.cast_time_unit("us").alias("time"),
        _service(),
        *(
            (pl.col(column).cast(pl.Float64, strict=False).fill_nan(None) * factor).alias(name)
            for column, (name, factor) in _METRICS.items()
            if column in frame.columns
        ),
    )
    points = wide.unpivot(index=["time", "service"], variable_name="metric").drop_nulls("value")
    return _usable(points, path, ["time", "service"])


def _usable(records: pl.DataFrame, path: Path, needed: Sequence[str]) -> pl.DataFrame:
    """Records that have all of that."""
    usable = records.drop_nulls(needed)
    if lost := records.height - usable.height:
        logger.warning("%d lines of %s lack one of %s", lost, path.name, ", ".join(needed))
    return usable

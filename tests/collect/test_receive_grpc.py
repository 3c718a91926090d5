"""OTLP/gRPC answers as the specification says."""

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2_grpc import LogsServiceStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from otlp_messages import START_NS, log_request, trace_request

from vigil.collect.receive.limits import ReceiverLimits
from vigil.events.schema import TOPIC_LOGS


def export(collector, request, **options):
    """Call as the official stub does."""
    with grpc.insecure_channel(collector.grpc) as channel:
        return TraceServiceStub(channel).Export(request, timeout=20, **options)


def test_spans_and_logs_come_in(listen):
    """Compressed or not."""
    with listen() as collector:
        response = export(collector, trace_request({}, {}), compression=grpc.Compression.Gzip)
        assert not response.HasField("partial_success")
        assert collector.records().height == 2
        with grpc.insecure_channel(collector.grpc) as channel:
            LogsServiceStub(channel).Export(log_request({"body": "x"}))
        assert collector.records(TOPIC_LOGS).height == 1


def test_a_partial_success_says_how_many_and_why(collector):
    """As by HTTP."""
    partial = export(
        collector, trace_request({}, {"end_time_unix_nano": START_NS - 1_000_000})
    ).partial_success
    assert partial.rejected_spans == 1
    assert "must be >= 0" in partial.error_message


def test_a_message_that_is_none_is_an_invalid_argument(collector):
    """Not to be sent again."""
    with grpc.insecure_channel(collector.grpc) as channel:
        call = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as caught:
            call(b"\x0a\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_a_full_receiver_says_when_to_come_again(listen):
    """RESOURCE_EXHAUSTED is only retryable with RetryInfo."""
    with listen(limits=ReceiverLimits(waiting_bytes=10)) as collector:
        with pytest.raises(grpc.RpcError) as caught:
            export(collector, trace_request({}))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        metadata = dict(caught.value.trailing_metadata())
        [detail] = Status.FromString(metadata["grpc-status-details-bin"]).details
        assert detail.Is(RetryInfo.DESCRIPTOR)


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_a_message_has_a_largest_size_unpacked(listen, compression):
    """A bomb is refused before it is handed over."""
    with listen(limits=ReceiverLimits(body_bytes=10_000)) as collector:
        request = trace_request({"attributes": {"bomb": "x" * 100_000}})
        with pytest.raises(grpc.RpcError) as caught:
            export(collector, request, compression=compression)
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert collector.receiver.intake.commit.counters["payloads"] == 0

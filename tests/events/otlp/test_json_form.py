"""OTLP/JSON against protobuf's own reader of JSON, which is slower and the judge."""

import base64
import math

import orjson
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from vigil.errors import InputError
from vigil.events.otlp.json_form import protobuf_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.one_of(
        st.builds(lambda text: {"stringValue": text}, texts),
        st.builds(lambda truth: {"boolValue": truth}, st.booleans()),
        st.builds(lambda number: {"intValue": str(number)}, st.integers(-(2**63), 2**63 - 1)),
        st.builds(lambda number: {"int_value": number}, st.integers(-(2**53), 2**53)),
        st.builds(
            lambda number: {"doubleValue": number},
            st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["NaN", "Infinity"]),
        ),
        st.builds(
            lambda raw: {"bytesValue": base64.b64encode(raw).decode()}, st.binary(max_size=6)
        ),
        st.sampled_from([{}, {"novelty": 1}]),
    ),
    lambda inner: (
        st.builds(lambda items: {"arrayValue": {"values": items}}, st.lists(inner, max_size=3))
        | st.builds(
            lambda items: {"kvlistValue": {"values": [{"key": "k", "value": i} for i in items]}},
            st.lists(inner, max_size=3),
        )
    ),
    max_leaves=6,
)
integers = st.integers(-(2**63), 2**64 - 1)
odd = st.one_of(st.none(), st.booleans(), integers, st.floats(), texts, st.lists(integers))
spans = st.fixed_dictionaries(
    {},
    optional={
        "name": texts | odd,
        "kind": st.sampled_from(["SPAN_KIND_SERVER", "3", 2, 77, "SPAN_KIND_NOVEL", None]),
        "startTimeUnixNano": st.sampled_from(["1700000000000000000", 17, 5.0, "1e3", "-1"]) | odd,
        "flags": st.sampled_from(["7", 3]) | odd,
        "attributes": st.lists(
            st.builds(lambda key, value: {"key": key, "value": value}, texts, values), max_size=3
        ),
        "status": st.sampled_from([{"code": 2}, {"code": "STATUS_CODE_ERROR", "message": "no"}, 3]),
        "novelty": odd,
    },
)


def request_of(document, message):
    """What protobuf's reader makes of it, None where it refuses."""
    try:
        return ParseDict(document, message(), ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError):
        return None


@given(st.lists(spans, max_size=3))
def test_a_document_is_the_message_that_protobuf_makes_of_it(found):
    """Or is refused by both. Ids apart, which OTLP writes in another way."""
    document = {"resourceSpans": [{"scopeSpans": [{"spans": found}]}]}
    content = orjson.dumps(document)
    expected = request_of(orjson.loads(content), ExportTraceServiceRequest)
    try:
        message = ExportTraceServiceRequest.FromString(protobuf_of(content, "resourceSpans"))
    except InputError:
        assert expected is None
    else:
        # NaN equals nothing, so bytes are compared.
        assert expected is not None
        assert message.SerializeToString() == expected.SerializeToString()


def test_metrics_come_through_with_every_kind_of_number():
    """Unsigned and signed 64 bits, floating point, not-a-number, lists of numbers."""
    histogram = {
        "dataPoints": [
            {
                "count": "18446744073709551615",
                "sum": "-Infinity",
                "min": 1,
                "bucketCounts": ["1", 2],
                "explicitBounds": [0.5, "NaN"],
                "exemplars": [{"asInt": "-3", "traceId": "AB" * 16}],
            }
        ],
        "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
    }
    metric = {"name": "m", "unit": "s", "histogram": histogram}
    content = orjson.dumps({"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]})
    request = ExportMetricsServiceRequest.FromString(protobuf_of(content, "resourceMetrics"))
    [point] = request.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points
    assert (point.count, point.sum, point.min) == (2**64 - 1, -math.inf, 1.0)
    assert list(point.bucket_counts) == [1, 2]
    assert math.isnan(point.explicit_bounds[1])
    assert (point.exemplars[0].as_int, point.exemplars[0].trace_id) == (-3, b"\xab" * 16)
    assert MessageToDict(request)["resourceMetrics"]


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ({"traceId": "xyz"}, "trace_id must be hexadecimal, got xyz"),
        ({"name": 5}, "name must be text, got 5"),
        ({"startTimeUnixNano": "soon"}, "start_time_unix_nano must be an integer, got soon"),
        ({"attributes": {"key": "a"}}, "attributes must be a list, got {'key': 'a'}"),
        ({"status": "fine"}, "status must be an object, got fine"),
    ],
)
def test_a_value_of_another_type_is_named_with_its_field(span, reason):
    """So that the sender finds it."""
    content = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    with pytest.raises(InputError, match="must be OTLP in JSON") as error:
        protobuf_of(content, "resourceSpans")
    assert str(error.value).endswith(reason)

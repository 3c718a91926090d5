"""Messages in columns are what the client's own objects say of them."""

import uuid

import confluent_kafka as ck
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigil.stores.kafka_columns import SMALL_BYTES
from vigil.stores.kafka_log import KafkaLog
from vigil.stores.librdkafka import ColumnConsumer

NAMES = st.sampled_from(["content-type", "content-form", "a"])
TEXTS = st.sampled_from(["application/json", "application/grpc", "", None])
HEADERS = st.lists(st.tuples(NAMES, TEXTS), max_size=3)
VALUES = st.one_of(
    st.none(), st.binary(max_size=20), st.just(b"v" * 3 * SMALL_BYTES), st.just(b"\0\n")
)
MESSAGES = st.lists(
    st.tuples(VALUES, st.one_of(st.none(), st.binary(max_size=3)), HEADERS), min_size=1, max_size=12
)


@pytest.fixture(scope="module")
def place(kafka):
    """A log, a client of another make that writes to its topic, and the topic."""
    topic = f"test-{uuid.uuid4()}"
    log = KafkaLog(f"kafka://{kafka.address}")
    log.create_topic(topic)
    yield log, ck.Producer({"bootstrap.servers": kafka.address}), topic
    log.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(messages=MESSAGES, most=st.integers(1, 12), most_bytes=st.sampled_from([1, 100, 1 << 20]))
def test_nothing_of_a_message_is_lost_or_mixed_up(place, messages, most, most_bytes):
    """Empty, missing, doubled and long values, keys and headers, read in portions of any size."""
    log, producer, topic = place
    offset = log.end_offsets(topic)[0]
    end = offset + len(messages)
    for value, key, headers in messages:
        producer.produce(topic, value, key, headers=headers)
    assert producer.flush(10) == 0
    found = []
    while offset < end:
        batch = log.read(topic, 0, offset, most, most_bytes)
        assert len(batch) <= most
        found += list(zip(batch[:], batch.values, batch.content_types, strict=True))
        offset = found[-1][0].offset + 1 if found else offset
    assert [stored.offset for stored, _, _ in found] == list(range(end - len(messages), end))
    for (stored, value, content_type), (sent, key, headers) in zip(found, messages, strict=True):
        texts = {name: text or "" for name, text in headers}
        assert stored.message.value == value == (sent or b"")
        assert stored.message.key == key
        assert stored.message.headers == texts
        assert content_type == texts.get("content-type", "")


@pytest.mark.parametrize(("setting", "value"), [("no.such", 1), ("group.id", "")])
def test_a_setting_that_makes_no_sense_is_refused(setting, value):
    """With its name, as the library says it."""
    plain = {"error_cb": print, "bootstrap.servers": "127.0.0.1:1", "group.id": "g"}
    with pytest.raises(ck.KafkaException, match=setting):
        ColumnConsumer(plain | {setting: value}, 10)

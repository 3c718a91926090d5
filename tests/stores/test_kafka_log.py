"""Kafka in particular: servers that go away, slow networks, retention, TLS and passwords."""

import contextlib
import logging
import time
import uuid

import pytest
import trustme
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from vigil.errors import ConfigError, LogError
from vigil.servers import KafkaServer, Proxy
from vigil.servers.kafka import Security
from vigil.stores.kafka_address import parse_address
from vigil.stores.kafka_log import KafkaLog
from vigil.stores.log import Message


@pytest.fixture
def topic() -> str:
    """A name of the test's own."""
    return f"test-{uuid.uuid4()}"


def numbered(start: int, stop: int) -> list[Message]:
    """Messages that say their number."""
    return [Message(b"%d" % number) for number in range(start, stop)]


def values(log: KafkaLog, topic: str, offset: int = 0) -> list[int]:
    """The numbers from the offset to the end."""
    found: list[int] = []
    end = log.end_offsets(topic)[0]
    while offset < end:
        for stored in log.read(topic, 0, offset, 1_000):
            found.append(int(stored.message.value))
            offset = stored.offset + 1
    return found


@pytest.fixture(scope="module")
def own_broker(kafka, server_home):
    """A broker that a test may kill, behind a network that it may spoil."""
    with (
        Proxy() as proxy,
        KafkaServer(server_home / "kafka-own", advertised_port=proxy.port) as server,
    ):
        proxy.target_port = server.port
        yield server, proxy


def test_the_log_goes_on_after_the_broker_was_killed(own_broker, topic):
    """While it is down an error names the address; then nothing acknowledged is missing."""
    server, _ = own_broker
    log = KafkaLog(f"kafka://{server.address}")
    log.append(topic, numbered(0, 100))
    assert len(log.read(topic, 0, 0, 10)) == 10
    server.kill()
    with pytest.raises(LogError, match=server.address):
        log.end_offsets(topic)
    server.start()
    log.append(topic, numbered(100, 200))
    assert values(log, topic) == list(range(200))
    log.close()


def test_a_slow_network_delays_but_loses_nothing(own_broker, topic):
    """Each piece takes 50 ms longer."""
    server, proxy = own_broker
    log = KafkaLog(f"kafka://{server.address}")
    proxy.delay_s = 0.05
    log.append(topic, numbered(0, 500))
    assert values(log, topic) == list(range(500))
    proxy.delay_s = 0.0
    log.close()


def test_a_stalled_network_is_waited_for(own_broker, topic):
    """Reading answers in bounded time; after the stall it goes on where it was."""
    server, proxy = own_broker
    log = KafkaLog(f"kafka://{server.address}")
    log.append(topic, numbered(0, 10))
    assert len(log.read(topic, 0, 0, 10)) == 10
    proxy.stalled = True
    began = time.monotonic()
    with contextlib.suppress(LogError):
        assert not log.read(topic, 0, 10, 10)
    assert time.monotonic() - began < 20
    proxy.stalled = False
    log.append(topic, numbered(10, 20))
    assert values(log, topic, offset=10) == list(range(10, 20))
    log.close()


def test_transactions_are_read_once_committed_and_without_gaps(kafka, topic):
    """The end of each transaction takes an offset; what an aborted one wrote is not there."""
    log = KafkaLog(f"kafka://{kafka.address}")
    log.create_topic(topic)
    writer = Producer({"bootstrap.servers": kafka.address, "transactional.id": topic})
    writer.init_transactions()
    for number in range(12):
        writer.begin_transaction()
        writer.produce(topic, b"%d" % number, partition=0)
        writer.flush()
        writer.abort_transaction() if number % 4 == 3 else writer.commit_transaction()
    first = log.read(topic, 0, 0, 2)
    rest = log.read(topic, 0, first[-1].offset + 1, 100)
    assert [int(stored.message.value) for stored in [*first, *rest]] == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    log.close()


def test_what_retention_deleted_is_skipped_and_said(kafka, topic, caplog):
    """An error in the log says how many messages were lost; reading goes on."""
    log = KafkaLog(f"kafka://{kafka.address}")
    log.append(topic, numbered(0, 20))
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.delete_records([TopicPartition(topic, 0, 15)])[TopicPartition(topic, 0)].result()
    with caplog.at_level(logging.ERROR):
        found = log.read(topic, 0, 5, 100)
    assert [stored.offset for stored in found] == list(range(15, 20))
    assert "retention has deleted 10 messages" in caplog.text
    log.close()


def test_a_topic_made_anew_is_an_error_not_a_silent_restart(kafka, topic):
    """Offsets of the old one mean nothing in the new one."""
    log = KafkaLog(f"kafka://{kafka.address}")
    log.append(topic, numbered(0, 5))
    with pytest.raises(LogError, match="ends at 5, asked for 50"):
        log.read(topic, 0, 50, 10)
    log.close()


def test_topics_made_by_vigil_have_the_asked_partitions_and_others_keep_theirs(kafka, topic):
    """The URL says how many."""
    log = KafkaLog(f"kafka://{kafka.address}?partitions=6")
    log.append(topic, numbered(0, 12))
    assert log.end_offsets(topic) == dict.fromkeys(range(6), 2)
    admin = AdminClient({"bootstrap.servers": kafka.address})
    admin.create_topics([NewTopic(f"{topic}-b", 2)])[f"{topic}-b"].result()
    log.append(f"{topic}-b", numbered(0, 2))
    assert log.partitions(f"{topic}-b") == 2
    log.close()


@pytest.fixture(scope="module")
def secured(kafka, server_home):
    """A broker with TLS and a SCRAM user, and the authority that vouches for it."""
    home = server_home / "kafka-secured"
    home.mkdir()
    chain, ca = home / "broker.pem", home / "ca.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    # Java reads keys in the form PKCS #8 only.
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain.write_bytes(pkcs8 + b"".join(part.bytes() for part in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(ca)
    security = Security(chain, ca, "vigil", "s3cret-w0rd")
    with KafkaServer(home, security) as server:
        yield server, ca


def test_tls_and_a_password_open_the_log(secured, topic):
    """kafkas://user:password@host:port?ca=…"""
    server, ca = secured
    log = KafkaLog(f"kafkas://vigil:s3cret-w0rd@{server.address}?ca={ca}")
    log.append(topic, numbered(0, 10))
    assert values(log, topic) == list(range(10))
    log.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafkas://vigil:wr0ng-w0rd@{address}?ca={ca}", "Authentication failed"),
        ("kafkas://vigil:s3cret-w0rd@{address}", "certificate"),
    ],
)
def test_a_refused_client_is_told_why_without_the_password(secured, url, reason):
    """A wrong password and an unknown authority are different troubles."""
    server, ca = secured
    log = KafkaLog(url.format(address=server.address, ca=ca))
    with pytest.raises(LogError, match=reason) as caught:
        log.end_offsets("t")
    assert "w0rd" not in str(caught.value)
    log.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafka://", "needs kafka://HOST:PORT"),
        ("kafka://h:1?partition=3", "no option 'partition'"),
        ("kafka://h:1?partitions=many", "whole numbers"),
        ("kafkas://u:p4ss@h:1?ca=/no/such/file", "/no/such/file"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(url, reason):
    """With the variable's name, without the password."""
    with pytest.raises(ConfigError, match=reason) as caught:
        KafkaLog(url)
    assert "VIGIL_LOG_URL" in str(caught.value)
    assert "p4ss" not in str(caught.value)


def test_an_address_may_name_several_brokers():
    """And a user with any characters in the password."""
    address = parse_address("kafka://v:a%40b@h1:1,h2:2?mechanism=PLAIN&replicas=3")
    assert address.client["bootstrap.servers"] == "h1:1,h2:2"
    assert address.client["sasl.password"] == "a@b"
    assert address.client["security.protocol"] == "SASL_PLAINTEXT"
    assert address.replicas == 3
    assert "a%40b" not in address.shown

"""Encrypted and authenticated connections, with real certificates made here.

Kafka's (TLS and SCRAM on the broker itself) are in `test_kafka_log.py`.
"""

from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme
from tls_front import TlsFront, write_authority

from vigil.config import load_settings
from vigil.doctor.examine import guarded
from vigil.doctor.installation import Installation
from vigil.errors import SinkError, StoreError
from vigil.servers.postgres import PASSWORD, USER, PostgresServer
from vigil.stores.database import open_database
from vigil.stores.elastic import ElasticSink

KEY = "bm90LWEtcmVhbC1rZXk6czNjcmV0"


@pytest.fixture
def authority() -> trustme.CA:
    """Vouches for the servers of a test."""
    return trustme.CA()


@pytest.fixture
def ca(authority, tmp_path):
    """Its certificate."""
    return write_authority(authority, tmp_path)


@contextmanager
def in_front_of(port: int, authority: trustme.CA, **options):
    """A TLS front with a certificate for loopback."""
    with TlsFront(port, authority.issue_cert("127.0.0.1", "localhost"), **options) as front:
        yield front


def test_elasticsearch_is_reached_by_tls_with_an_api_key(elasticsearch, authority, ca):
    """The authority and the key come with the URL; the key travels in the header."""
    with in_front_of(elasticsearch.port, authority) as front:
        url = f"https://127.0.0.1:{front.port}?api_key={KEY}&ca={ca}"
        with closing(ElasticSink(url)) as sink:
            sink.check()
        assert f"authorization: apikey {KEY}".lower() in front.received.decode("latin1").lower()


def test_elasticsearch_behind_an_unknown_authority_is_refused(elasticsearch, authority):
    """No key is sent to a server that cannot prove who it is."""
    with (
        in_front_of(elasticsearch.port, authority) as front,
        closing(ElasticSink(f"https://127.0.0.1:{front.port}?api_key={KEY}")) as sink,
    ):
        with pytest.raises(SinkError, match="certificate") as caught:
            sink.check()
        assert KEY not in str(caught.value)
        assert not front.received
        finding = guarded("sink", lambda _: sink.check(), Installation(load_settings()))
        assert finding.remedy == "mend the certificate, or name its authority in the URL"


@pytest.fixture(scope="module")
def postgres(server_home):
    """A server of its own, which listens on a port and wants a password."""
    with PostgresServer(server_home / "postgres-secured") as server:
        yield server


def address(front: TlsFront, password: str, mode: str, ca: Path) -> str:
    """A database URL through the front."""
    return (
        f"postgresql://{USER}:{password}@127.0.0.1:{front.port}/postgres"
        f"?sslmode={mode}&sslrootcert={ca}"
    )


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_postgresql_is_reached_in_every_encrypted_mode(postgres, authority, ca, mode):
    """`sslmode` and `sslrootcert` are libpq's own, and come with the URL."""
    with in_front_of(postgres.port, authority, postgres=True) as front:
        engine = open_database(load_settings(store_url=address(front, PASSWORD, mode, ca)))
        with engine.connect() as connection:
            assert connection.execute(sa.text("SELECT count(*) FROM keys")).scalar() == 0
        engine.dispose()
        assert front.received


def test_postgresql_with_a_certificate_of_another_authority_is_refused(
    postgres, authority, tmp_path
):
    """`verify-full` does what it says, and nothing was sent through it."""
    other = write_authority(trustme.CA(), tmp_path)
    with in_front_of(postgres.port, authority, postgres=True) as front:
        url = address(front, PASSWORD, "verify-full", other)
        with pytest.raises(StoreError, match="certificate verify failed") as caught:
            open_database(load_settings(store_url=url))
        assert PASSWORD not in str(caught.value)
        assert not front.received

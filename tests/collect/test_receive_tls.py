"""TLS, and senders known by their certificates, by HTTP and gRPC."""

import ssl

import grpc
import httpx
import pytest
import trustme
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
from otlp_messages import trace_request

from vigil.collect.receive.receiver import Tls
from vigil.errors import ConfigError
from vigil.events.content import PROTOBUF


@pytest.fixture(scope="module")
def authority():
    """Who signs server and senders."""
    return trustme.CA()


@pytest.fixture
def tls(authority, tmp_path):
    """Files of a server that knows its senders."""
    files = Tls(tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem")
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(files.key)
    for pem in certificate.cert_chain_pems:
        pem.write_to_path(files.certificate, append=True)
    authority.cert_pem.write_to_path(files.client_ca)
    return files


def send_http(collector, authority, certificate=None):
    """One request over TLS."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    body = trace_request({}).SerializeToString()
    url = f"{collector.http}/v1/traces"
    return httpx.post(
        url, content=body, headers={"content-type": PROTOBUF}, verify=context, timeout=60
    )


def send_grpc(collector, authority, certificate=None):
    """One call over TLS."""
    pair = {}
    if certificate is not None:
        chain = b"".join(pem.bytes() for pem in certificate.cert_chain_pems)
        pair = {"private_key": certificate.private_key_pem.bytes(), "certificate_chain": chain}
    credentials = grpc.ssl_channel_credentials(authority.cert_pem.bytes(), **pair)
    with grpc.secure_channel(collector.grpc, credentials) as channel:
        return TraceServiceStub(channel).Export(trace_request({}), timeout=20)


def test_only_senders_with_a_certificate_come_in(listen, tls, authority):
    """The others do not get as far as a request."""
    sender = authority.issue_cert("sender")
    with listen(tls=tls) as collector:
        assert send_http(collector, authority, sender).status_code == 200
        send_grpc(collector, authority, sender)
        with pytest.raises(httpx.TransportError):
            send_http(collector, authority)
        with pytest.raises(grpc.RpcError):
            send_grpc(collector, authority)
        with pytest.raises(httpx.TransportError):
            send_http(collector, authority, trustme.CA().issue_cert("stranger"))
        assert collector.records().height == 2


def test_tls_alone_lets_everybody_in(listen, tls, authority):
    """Encrypted, senders unknown."""
    with listen(tls=Tls(tls.certificate, tls.key)) as collector:
        assert send_http(collector, authority).status_code == 200
        send_grpc(collector, authority)


def test_a_key_that_is_none_is_wrong_use(listen, tls):
    """Said before anything listens."""
    tls.key.write_text("no key")
    with pytest.raises(ConfigError), listen(tls=tls):
        pass

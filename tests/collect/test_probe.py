"""Targets that are well, and each way of not being well."""

import asyncio
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import trustme

from vigil.collect.probe import Check, check_all, store
from vigil.collect.receive.group_commit import GroupCommit
from vigil.errors import InputError
from vigil.events.rules import Limits
from vigil.events.schema import TOPIC_EVENTS, TOPIC_METRICS
from vigil.stores.memory_log import MemoryLog


class Target(BaseHTTPRequestHandler):
    """Well at /, broken at /broken, too slow at /slow."""

    done = threading.Event()

    def do_GET(self):
        """Answer by path."""
        if self.path == "/slow":
            self.done.wait(5)
        self.send_response(503 if self.path == "/broken" else 200)
        self.end_headers()
        self.wfile.write(b"all is well")

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def target():
    """A server's port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Target) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        Target.done.clear()
        yield server
        Target.done.set()
        server.shutdown()


def find(*checks, tls=None):
    """Run checks."""
    return asyncio.run(check_all(checks, tls))


def test_each_way_of_not_being_well_has_a_name(target):
    """The name, the connection, the time, the status, the body."""
    base = f"http://127.0.0.1:{target.server_port}"
    found = find(
        Check(base, 30, "well"),
        Check(f"{base}/broken", 30),
        Check(base, 30, "missing"),
        Check(f"{base}/slow", 0.5),
        Check("http://no-such-host.invalid/", 30),
        Check("http://127.0.0.1:1/", 30),
    )
    assert [item.error for item in found] == ["", "status", "body", "timeout", "dns", "connect"]
    assert [item.status for item in found[:3]] == [200, 503, 200]
    assert all(item.duration_ms > 0 for item in found)


def test_a_certificate_is_looked_at(target):
    """Days left where it is trusted; an error where it is not."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    target.socket = context.wrap_socket(target.socket, server_side=True)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    url = f"https://localhost:{target.server_port}/"
    [trusted] = find(Check(url, 30), tls=trusting)
    [strange] = find(Check(url, 30))
    assert trusted.error == ""
    assert trusted.tls_days_left > 1
    assert strange.error == "tls"


def test_findings_are_events_and_metrics(target):
    """A failed check is an error of its service."""
    event_log = MemoryLog()
    check = Check(f"http://127.0.0.1:{target.server_port}/broken", 30, service="shop")

    async def run():
        commit = GroupCommit(event_log, Limits())
        committing = asyncio.create_task(commit.run())
        await store(await check_all([check]), commit)
        commit.stop()
        await committing
        return commit.counters

    counters = asyncio.run(run())
    assert (counters["accepted"], counters["dead"]) == (2, 0)
    assert event_log.end_offsets(TOPIC_EVENTS) == event_log.end_offsets(TOPIC_METRICS) == {0: 1}


@pytest.mark.parametrize("url", ["ftp://a/", "shop.example", "http://"])
def test_a_target_is_a_url(url):
    """Of HTTP."""
    with pytest.raises(InputError):
        Check(url)

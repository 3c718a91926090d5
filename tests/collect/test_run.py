"""`vigil collect` as a process: what it says, whom it lets in, how it ends."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest
from otlp_messages import trace_request

from vigil.collect.receive.following import Tail, follow
from vigil.collect.receive.group_commit import GroupCommit
from vigil.collect.receive.intake import OpenGate
from vigil.collect.receive.key_gate import KeyGate
from vigil.collect.receive.receiver import Address
from vigil.collect.receive.run import Access, is_loopback, open_gate, tls_files
from vigil.collect.tail import Positions
from vigil.errors import ConfigError
from vigil.events.access_logs import FORMATS, AccessLog
from vigil.events.content import PROTOBUF
from vigil.events.rules import Limits
from vigil.events.schema import TOPIC_EVENTS
from vigil.stores.memory_log import MemoryLog
from vigil.stores.sqlite_log import SqliteLog

VIGIL = Path(sys.executable).parent / "vigil"


def test_it_receives_until_it_is_told_to_stop(tmp_path):
    """Ports first, counts last, exit code 0; what was acknowledged is in the log's file."""
    arguments = [VIGIL, "collect", "--http-port", "0", "--no-grpc", "--json"]
    environment = os.environ | {"VIGIL_HOME": str(tmp_path), "VIGIL_LOG_URL": ""}
    with subprocess.Popen(
        arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        port = orjson.loads(process.stdout.readline())["listening"]["http"]
        url = f"http://127.0.0.1:{port}/v1/traces"
        body = trace_request({}, {}).SerializeToString()
        assert httpx.post(
            url, content=body, headers={"content-type": PROTOBUF}, timeout=60
        ).is_success
        process.send_signal(signal.SIGTERM)
        counts = orjson.loads(process.stdout.read())
        assert process.wait(30) == 0
    assert (counts["accepted"], counts["dead"]) == (2, 0)
    event_log = SqliteLog(tmp_path / "log.sqlite")
    assert event_log.end_offsets(TOPIC_EVENTS) == {0: 1}
    event_log.close()


def test_beyond_this_machine_keys_are_needed(store_settings, caplog):
    """Unless everybody may send, which is said aloud, as is the lack of TLS."""
    outside, inside = Address(host="0.0.0.0"), Address()
    assert isinstance(open_gate(outside, Access(), store_settings), KeyGate)
    assert "there is no key yet" in caplog.text
    assert "no TLS" in caplog.text
    assert isinstance(open_gate(outside, Access(everybody=True), store_settings), OpenGate)
    assert "EVERYBODY" in caplog.text
    assert isinstance(open_gate(inside, Access(require_keys=True), store_settings), KeyGate)
    assert isinstance(open_gate(inside, Access(), store_settings), OpenGate)


def test_a_followed_file_is_stored_and_its_place_kept(tmp_path):
    """Lines that come while the receiver runs; a second run goes on behind them."""
    path = tmp_path / "access.log"
    line = '192.0.2.1 - - [31/Mar/2026:23:00:01 +0000] "GET /a/1 HTTP/1.1" 200 5 "-" "x" 0.1\n'
    path.write_text(line)
    tail = Tail(path, AccessLog(FORMATS["nginx"], {"service": "shop"}), from_start=True)
    event_log = MemoryLog()

    async def run(more: str) -> dict[str, int]:
        commit = GroupCommit(event_log, Limits())
        committing = asyncio.create_task(commit.run())
        following = asyncio.create_task(follow(tail, commit, Positions(tmp_path / "tail.json")))
        append(path, more)
        while commit.counters["accepted"] < 1:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.3)
        following.cancel()
        commit.stop()
        await asyncio.gather(following, committing, return_exceptions=True)
        return commit.counters

    assert asyncio.run(run(line))["accepted"] == 2
    assert asyncio.run(run(line))["accepted"] == 1


def append(path, text):
    """As a server writes."""
    with path.open("a") as out:
        out.write(text)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_loopback_is_known_by_its_address(host, loopback):
    """A name may resolve to anything."""
    assert is_loopback(host) is loopback


def test_tls_needs_its_files(tmp_path):
    """Both halves, and files that exist."""
    there = tmp_path / "there.pem"
    there.touch()
    assert tls_files(None, None, None) is None
    for files in ((there, None, None), (None, None, there), (there, tmp_path / "no.pem", None)):
        with pytest.raises(ConfigError):
            tls_files(*files)

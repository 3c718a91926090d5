"""`vigil collect` as a process: what it says, whom it lets in, how it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner
from otlp_messages import trace_request

from vigil.cli.collect import command
from vigil.collect.receive.run import is_loopback, tls_files
from vigil.errors import ConfigError
from vigil.events.content import PROTOBUF
from vigil.events.schema import TOPIC_EVENTS
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
        assert httpx.post(url, content=body, headers={"content-type": PROTOBUF}).is_success
        process.send_signal(signal.SIGTERM)
        counts = orjson.loads(process.stdout.read())
        assert process.wait(30) == 0
    assert (counts["accepted"], counts["dead"]) == (2, 0)
    event_log = SqliteLog(tmp_path / "log.sqlite")
    assert event_log.end_offsets(TOPIC_EVENTS) == {0: 1}
    event_log.close()


def test_nobody_beyond_this_machine_gets_in_unasked(tmp_path, monkeypatch):
    """The address alone opens nothing."""
    monkeypatch.setenv("VIGIL_HOME", str(tmp_path))
    result = CliRunner().invoke(command, ["--host", "0.0.0.0"])
    assert isinstance(result.exception, ConfigError)
    assert "--open" in str(result.exception)


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

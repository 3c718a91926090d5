"""The alertmanager channel against a real Alertmanager, where there is one."""

import os
import socket
import subprocess
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from real_servers import SERVERS, require
from sample_alerts import alert_document

from vigil.alerts.channels import KINDS, Note

VARIABLE = "VIGIL_TEST_ALERTMANAGER"


@pytest.fixture
def alertmanager(tmp_path):
    """Address of a fresh Alertmanager; its program is in no package registry."""
    program = os.environ.get(VARIABLE, "")
    require("Alertmanager", "" if program else f"no Alertmanager: set {VARIABLE} to its program")
    (tmp_path / "config.yml").write_text("route: {receiver: x}\nreceivers: [{name: x}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [
        program, f"--config.file={tmp_path / 'config.yml'}", f"--storage.path={tmp_path / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address=",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: httpx.get(f"{url}/-/ready").is_success)
        SERVERS["Alertmanager"] = f"real, at {VARIABLE}"
        yield url
        process.terminate()


def wait_for(condition) -> None:
    """Until it holds, at most twenty seconds."""
    deadline = time.monotonic() + 20
    while True:
        try:
            if condition():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.1)


def test_an_incident_fires_and_resolves_in_a_real_alertmanager(alertmanager):
    """One alert from beginning to end."""
    kind = KINDS["alertmanager"]
    channel = kind.open(kind.settings.model_validate({"url": alertmanager}))
    now = datetime.now(UTC)
    times = {"opened_at": (now - timedelta(minutes=5)).isoformat(), "at": now.isoformat()}

    def active() -> list[dict]:
        return httpx.get(f"{alertmanager}/api/v2/alerts?active=true").json()

    channel.send(Note("inc-1:1/x", alert_document(**times)))
    channel.send(Note("inc-1:1/x", alert_document(**times)))
    [alert] = active()
    assert alert["labels"] == {"alertname": "VigilIncident", "incident": "inc-1"}
    assert "412 ms instead of 132 ms" in alert["annotations"]["what"]
    ended = alert_document("resolved", number=2, **times | {"resolved_at": now.isoformat()})
    channel.send(Note("inc-1:2/x", ended))
    wait_for(lambda: active() == [])

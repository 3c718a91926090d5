"""Bringing dashboards into Kibana: the requests, checked by an HTTP server that plays its part."""

import base64
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message as Headers
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import orjson
import pytest

from vigil.cli.main import cli
from vigil.errors import ConfigError, SinkError
from vigil.kibana import DASHBOARDS, saved_objects
from vigil.kibana.client import KibanaClient

# `POST|PUT /api/alerting/rule/{id}` of Kibana's OpenAPI: required and allowed members.
RULE_REQUIRED = {"name", "schedule", "params"}
RULE_CREATED = RULE_REQUIRED | {"rule_type_id", "consumer", "tags", "actions", "enabled"}
RULE_UPDATED = RULE_REQUIRED | {"tags", "actions"}


@dataclass
class Kibana:
    """What the stand-in was sent and how it answers."""

    url: str = ""
    objects: dict[tuple[str, str], dict] = field(default_factory=dict)
    rules: dict[str, dict] = field(default_factory=dict)
    logins: list[str] = field(default_factory=list)
    refuse: str = ""

    def take(self, method: str, path: str, headers: Headers, body: bytes) -> tuple[int, dict]:
        """(status, answer) to one request."""
        self.logins.append(headers.get("Authorization", ""))
        if method != "GET" and not headers.get("kbn-xsrf"):
            return 400, {"message": "Request must contain a kbn-xsrf header."}
        if path == "/api/saved_objects/_import":
            return self._import(headers, body)
        rule_id = path.removeprefix("/api/alerting/rule/")
        return self._rule(method, rule_id, orjson.loads(body) if body else {})

    def _import(self, headers: Headers, body: bytes) -> tuple[int, dict]:
        head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
        [part] = BytesParser().parsebytes(head + body).get_payload()
        assert part.get_param("name", header="content-disposition") == "file"
        assert part.get_filename().endswith(".ndjson"), "Kibana refuses other names"
        lines = [orjson.loads(line) for line in part.get_payload(decode=True).splitlines()]
        known = self.objects.keys() | {(item["type"], item["id"]) for item in lines}
        for item in lines:
            if item["id"] == self.refuse:
                error = {"type": item["type"], "id": item["id"], "error": {"type": "conflict"}}
                return 200, {"success": False, "successCount": 0, "errors": [error]}
            assert all((ref["type"], ref["id"]) in known for ref in item["references"])
            self.objects[item["type"], item["id"]] = item
        return 200, {"success": True, "successCount": len(lines)}

    def _rule(self, method: str, rule_id: str, body: dict) -> tuple[int, dict]:
        if method == "GET":
            found = self.rules.get(rule_id)
            return (200, found) if found else (404, {"message": "not found"})
        allowed = RULE_CREATED if method == "POST" else RULE_UPDATED
        if not RULE_REQUIRED <= body.keys() <= allowed:
            return 400, {"message": f"[request body]: {sorted(body.keys() - allowed)}"}
        self.rules[rule_id] = self.rules.get(rule_id, {}) | body
        return 200, self.rules[rule_id]


@pytest.fixture
def kibana() -> Iterator[Kibana]:
    """A stand-in on a free port."""
    made = Kibana()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = urlsplit(self.path).path
            status, document = made.take(self.command, path, self.headers, body)
            text = orjson.dumps(document)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = answer

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def test_an_import_brings_everything_and_a_second_one_changes_nothing(kibana):
    """Objects and the rule are the same after the second time."""
    for _ in range(2):
        with KibanaClient(kibana.url) as client:
            assert client.import_dashboards() == len(saved_objects(DASHBOARDS))
            client.import_rule()
    expected = {(item["type"], item["id"]): item for item in saved_objects(DASHBOARDS)}
    assert kibana.objects == expected
    [rule] = kibana.rules.values()
    query = orjson.loads(rule["params"]["esQuery"])
    assert query == {"query": {"bool": {"filter": [{"term": {"action": "opened"}}]}}}


def test_actions_that_an_operator_gave_the_rule_stay(kibana):
    """Vigil knows nothing of connectors."""
    with KibanaClient(kibana.url) as client:
        client.import_rule()
        [rule] = kibana.rules.values()
        rule["actions"] = [{"id": "pager", "group": "query matched", "params": {}}]
        client.import_rule()
    assert rule["actions"][0]["id"] == "pager"
    [rule] = kibana.rules.values()
    assert rule["actions"][0]["id"] == "pager"


def test_the_login_is_sent_but_never_shown(kibana):
    """The error names the object and the address without the password."""
    kibana.refuse = "vigil-estate"
    with_login = kibana.url.replace("http://", "http://elastic:s3cret@")
    with (
        KibanaClient(with_login) as client,
        pytest.raises(SinkError, match="dashboard vigil-estate") as caught,
    ):
        client.import_dashboards()
    assert "s3cret" not in str(caught.value)
    assert kibana.logins == ["Basic " + base64.b64encode(b"elastic:s3cret").decode()]


def test_a_wrong_or_silent_address_is_said():
    """Wrong use is exit code 2, a server that is down is 3."""
    with pytest.raises(ConfigError, match="must start with http"):
        KibanaClient("kibana:5601")
    with KibanaClient("http://127.0.0.1:1") as client:
        with pytest.raises(SinkError, match="cannot be reached") as caught:
            client.import_dashboards()
        assert caught.value.exit_code == 3
        with pytest.raises(SinkError, match="cannot be reached"):
            client.import_rule()


def test_the_commands_export_and_import(kibana, tmp_path):
    """`vigil kibana export` writes what `vigil kibana import` sends."""
    from click.testing import CliRunner

    out = tmp_path / "k.ndjson"
    done = CliRunner().invoke(cli, ["kibana", "export", "--out", str(out), "--json"])
    assert done.exit_code == 0
    exported = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    done = CliRunner().invoke(cli, ["kibana", "import", "--url", kibana.url, "--json"])
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout) == {"url": kibana.url, "objects": len(exported), "rules": 1}
    assert list(kibana.objects.values()) == exported
    assert CliRunner().invoke(cli, ["kibana", "import"]).exit_code == 2

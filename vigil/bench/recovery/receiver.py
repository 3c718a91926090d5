"""A webhook receiver that refuses now and then, and remembers what it took."""

import threading
from collections import Counter
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

REFUSE_EVERY = 7


class Receiver:
    """`taken`: alert id → times accepted. `occasions`: (incident, action, time) → ids; an
    incident may be updated twice for one instant, if it grew in two ways.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.occasions: dict[tuple[str, str, datetime], set[str]] = {}
        self._asked = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken = receiver.take(body)
                self.send_response(200 if taken else 503)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/alerts"

    def take(self, body: bytes) -> bool:
        """Remember an alert, or refuse it."""
        alert = orjson.loads(body)
        alert_id = alert["alert_id"]
        with self._lock:
            self._asked += 1
            if self._asked % REFUSE_EVERY == 0:
                return False
            self.taken[alert_id] += 1
            at = datetime.fromisoformat(alert["at"])
            occasion = (alert["incident_id"], alert["action"], at)
            self.occasions.setdefault(occasion, set()).add(alert_id)
        return True

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

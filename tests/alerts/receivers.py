"""Receivers on loopback that check what they get and fail at random."""

import random
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson

Check = Callable[[str, dict[str, str], bytes], tuple[int, object]]


class Receiver:
    """`check(path, headers, body)` gives status and answer; what it refuses as wrong is kept.

    `fail` is the share of requests, and always the first, that are answered 500, 429 or by a cut
    line before any check.
    """

    def __init__(self, check: Check, fail: float = 0.0, seed: int = 1):
        self._rng = random.Random(seed)
        self.fail = fail
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.wrong: list[str] = []
        self.failures = 0
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                first = receiver.fail > 0 and receiver.failures == 0
                if first or receiver._rng.random() < receiver.fail:
                    receiver.failures += 1
                    kind = receiver._rng.choice((500, 429, 0))
                    if kind:
                        self._answer(kind, {"error": "try later"})
                    else:
                        self.connection.close()
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    status, answer = check(self.path, headers, body)
                except (ValueError, AssertionError) as error:
                    receiver.wrong.append(f"{self.path}: {error}")
                    status, answer = 400, {"error": "wrong"}
                else:
                    receiver.taken.append((self.path, headers, body))
                self._answer(status, answer)

            def _answer(self, status: int, answer: object) -> None:
                content = answer.encode() if isinstance(answer, str) else orjson.dumps(answer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if status == 429:
                    self.send_header("Retry-After", "1")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def mail_server(fail: float = 0.0, seed: int = 1) -> Iterator[tuple[str, list[bytes]]]:
    """(smtp:// address, messages taken): a server that says 451 now and then (RFC 5321)."""
    rng, taken = random.Random(seed), []

    class Handler(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(line.encode() + b"\r\n")

        def handle(self) -> None:
            self.say("220 ready")
            for line in self.rfile:
                verb = line.split()[0].upper() if line.strip() else b""
                if verb == b"DATA":
                    self.say("354 go on")
                    content = b"".join(iter(self.rfile.readline, b".\r\n"))
                    if rng.random() < fail:
                        self.say("451 try later")
                        continue
                    taken.append(content.replace(b"\r\n..", b"\r\n."))
                elif verb == b"QUIT":
                    self.say("221 bye")
                    return
                self.say("250 ok")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}", taken
        server.shutdown()

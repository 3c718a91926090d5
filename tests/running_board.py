"""The live board on a real socket, for tests."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from vigil.board.access import Visitor
from vigil.board.app import create_app
from vigil.config import Settings

START_S = 20.0
# Who comes without a key on this machine.
OPERATOR = Visitor("tester", "operator", signed_in=False)


@contextmanager
def serving(settings: Settings, port: int = 0, anonymous: Visitor = OPERATOR) -> Iterator[str]:
    """The board of an installation on a real socket; gives its address."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(
        create_app(settings, anonymous=anonymous),
        log_level="warning",
        timeout_graceful_shutdown=1,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    deadline = time.monotonic() + START_S
    while not server.started:
        assert time.monotonic() < deadline, "the board did not start"
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(START_S)
        listener.close()

"""A TCP proxy that can stop forwarding or take its time: a bad network, on demand."""

import contextlib
import selectors
import socket
import threading
import time

CHUNK = 1 << 16


class Proxy:
    """Forwards a loopback port to another; a context manager.

    `stalled` keeps connections open and forwards nothing; `delay_s` is waited before each piece.
    """

    def __init__(self, target_port: int = 0) -> None:
        self.target_port = target_port
        self.stalled = False
        self.delay_s = 0.0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._closed = False

    def __enter__(self) -> "Proxy":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closed = True
        # A thread inside accept() would keep a merely closed socket listening.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break all connections that there are."""
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._pairs.clear()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._server.accept()
                target = socket.create_connection(("127.0.0.1", self.target_port), timeout=5)
            except OSError:
                if not self._closed:
                    with contextlib.suppress(OSError, UnboundLocalError):
                        client.close()
                continue
            target.settimeout(None)
            self._pairs.append((client, target))
            threading.Thread(target=self._forward, args=(client, target), daemon=True).start()

    def _forward(self, client: socket.socket, target: socket.socket) -> None:
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError, ValueError):
            ready.register(client, selectors.EVENT_READ, target)
            ready.register(target, selectors.EVENT_READ, client)
            while not self._closed:
                for key, _ in ready.select(timeout=0.2):
                    piece = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]
                    self._hold()
                    if not piece:
                        raise OSError("one side has closed")
                    key.data.sendall(piece)
        for end in (client, target):
            end.close()

    def _hold(self) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        while self.stalled and not self._closed:
            time.sleep(0.02)

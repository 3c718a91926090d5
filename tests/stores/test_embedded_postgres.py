"""The database from a wheel: it starts, also where the first try fails."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest
import sqlalchemy as sa

from vigil.errors import StoreError
from vigil.stores.embedded_postgres import (
    ATTEMPTS,
    import_wheel,
    start_postgres,
    stop_unused_postgres,
)


def failing(monkeypatch, times: int) -> None:
    """Let the server's start be killed that many times."""
    wheel = import_wheel()
    start, left = wheel.get_server, [times]

    def get_server(*arguments, **options):
        if left[0]:
            left[0] -= 1
            raise subprocess.CalledProcessError(-11, "pg_ctl")
        return start(*arguments, **options)

    monkeypatch.setattr(wheel, "get_server", get_server)


def test_a_start_that_was_killed_is_tried_again(server_home, monkeypatch):
    """Then the server answers."""
    failing(monkeypatch, ATTEMPTS - 1)
    url = sa.make_url(start_postgres(server_home / "tried-again" / "data"))
    engine = sa.create_engine(url.set(drivername="postgresql+psycopg"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT 42")).scalar() == 42
    engine.dispose()


def test_a_server_that_never_starts_is_an_error_with_its_folder(server_home, monkeypatch):
    """It is not tried for ever."""
    failing(monkeypatch, ATTEMPTS)
    folder = server_home / "never"
    with pytest.raises(StoreError, match=f"in {folder} did not start"):
        start_postgres(folder)


def test_a_user_that_comes_meanwhile_is_not_forgotten(server_home, monkeypatch):
    """The dead leave the list of users; else the server would stop under those still there."""
    folder = server_home / "shared" / "data"
    users = folder / ".handle_pids.json"
    start_postgres(folder)
    mine = os.getpid()
    (dead := subprocess.Popen(["true"])).wait()
    lock = import_wheel().postgres_server.PostgresServer._lock

    @contextmanager
    def waiting():
        with lock:
            # What another process wrote while this one waited.
            users.write_text(json.dumps([mine, os.getppid(), dead.pid]))
            yield

    monkeypatch.setattr(import_wheel().postgres_server.PostgresServer, "_lock", waiting())
    start_postgres(folder)
    assert json.loads(users.read_text()) == [mine, os.getppid()]
    users.write_text(json.dumps([mine]))


def test_a_server_whose_users_were_killed_is_stopped(server_home):
    """None of them was the last to leave; one that still has a user goes on."""
    folder = server_home / "left" / "data"
    used = "from pathlib import Path; import sys; from vigil.stores.embedded_postgres import *;"
    die = f"{used} start_postgres(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", die, str(folder)], check=False)
    server = psutil.Process(int((folder / "postmaster.pid").read_text().split()[0]))
    stop_unused_postgres(folder)
    server.wait(10)
    stop_unused_postgres(folder)
    assert not (folder / "postmaster.pid").exists()

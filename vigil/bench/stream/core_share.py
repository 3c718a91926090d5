"""Workers held to a share of a core each, by the kernel's control groups: so a machine of few cores
tells how they add up on one of many, as on cores that are so much slower.

Source: "CFS Bandwidth Control" and "Control Group v2", docs.kernel.org.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import psutil

from vigil.errors import DependencyError

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 20_000
LOOK_S = 0.5


@contextlib.contextmanager
def core_share(share: float) -> Iterator[None]:
    """Every `vigil work` that this process begins within the block gets `share` of a core.

    Raises DependencyError where control groups are not to be had or not ours to make.
    """
    # One of our own stays empty: it fails before anything was measured.
    over, groups = Event(), {os.getpid(): _made(os.getpid(), share)}

    def watch() -> None:
        while not over.wait(LOOK_S):
            for child in psutil.Process().children():
                with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                    if child.pid not in groups and "work" in child.cmdline():
                        groups[child.pid] = _made(child.pid, share)
                        (groups[child.pid] / "cgroup.procs").write_text(str(child.pid))

    thread = Thread(target=watch, name="core-share", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for group in groups.values():
            # One whose process is still ending is left to the kernel's next start.
            with contextlib.suppress(OSError):
                group.rmdir()


def _made(pid: int, share: float) -> Path:
    is_second = (ROOT / "cgroup.controllers").exists()
    group = (ROOT if is_second else ROOT / "cpu") / f"vigil-{pid}"
    quota_us = round(share * PERIOD_US)
    try:
        group.mkdir(exist_ok=True)
        if is_second:
            (ROOT / "cgroup.subtree_control").write_text("+cpu")
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
    except OSError as error:
        raise DependencyError(f"no control group for a share of a core: {error}") from error
    return group

"""Workers are held to a share of a core by the kernel's control groups, of either version."""

import subprocess
import sys
import time

import pytest

from vigil.bench.stream import core_share as module
from vigil.bench.stream.core_share import core_share
from vigil.errors import DependencyError


@pytest.mark.parametrize(
    ("made", "parent", "limits"),
    [
        ("cgroup.controllers", ".", {"cpu.max": "5000 20000"}),
        ("cpu/tasks", "cpu", {"cpu.cfs_quota_us": "5000", "cpu.cfs_period_us": "20000"}),
    ],
)
def test_each_worker_gets_a_group_with_its_share(tmp_path, monkeypatch, made, parent, limits):
    """A child that is no worker is left alone."""
    (tmp_path / made).parent.mkdir(exist_ok=True)
    (tmp_path / made).touch()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "LOOK_S", 0.02)
    wait = [sys.executable, "-c", "input()"]
    with core_share(0.25):
        worker, other = (
            subprocess.Popen([*wait, word], stdin=subprocess.PIPE) for word in ("work", "rest")
        )
        group = tmp_path / parent / f"vigil-{worker.pid}"
        deadline = time.monotonic() + 20
        while not (group / "cgroup.procs").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        for child in (worker, other):
            child.communicate(b"\n")
    assert (group / "cgroup.procs").read_text() == str(worker.pid)
    assert {name: (group / name).read_text() for name in limits} == limits
    assert not (tmp_path / parent / f"vigil-{other.pid}").exists()


def test_without_control_groups_it_is_said_at_once(tmp_path, monkeypatch):
    """Before anything is measured."""
    monkeypatch.setattr(module, "ROOT", tmp_path / "none")
    with pytest.raises(DependencyError, match="control group"), core_share(0.25):
        raise AssertionError("was entered")

"""Worker processes of one machine, and what the commands say where they cannot be."""

import sys
import threading
import time

import pytest
from click.testing import CliRunner

from vigil.cli.main import cli
from vigil.cli.work import ONE_THREAD
from vigil.errors import DependencyError, VigilError
from vigil.stream.workers import crew
from vigil.stream.workers.crew import Crew

NOTE = "echo $@ >> $begun"


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Stands in for the command `vigil`: notes that it was begun, then does what it is told."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(crew, "PAUSE_S", 0.1)
    begun = tmp_path / "begun"

    def write(then: str) -> None:
        script = tmp_path / "vigil"
        script.write_text(f"#!/bin/sh\nbegun={begun}\n{NOTE}\n{then}\n")
        script.chmod(0o755)

    write.lines = lambda: begun.read_text().splitlines() if begun.exists() else []
    return write


def wait_until(holds) -> None:
    """Ten seconds at most."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_worker_that_dies_is_replaced_and_all_end_with_the_block(store_settings, program):
    """Each ends with its parent, however that ends."""
    program("[ $(wc -l < $begun) -gt 2 ] && exec sleep 60; exit 7")
    with Crew(store_settings, 2, threading.Event()) as together:
        wait_until(lambda: len(program.lines()) >= 4)
        assert not together.through.is_set()
    assert all(line.startswith("work --beside ") for line in program.lines())
    assert all(child.returncode is not None for child in together._children)


def test_workers_that_drain_say_when_all_are_through(store_settings, program):
    """One that failed makes the whole fail: what it should have read is not there."""
    program("exit 0")
    with Crew(store_settings, 2, threading.Event(), ["--drain"]) as together:
        assert together.through.wait(10)
    program("exit 3")
    with (
        pytest.raises(DependencyError, match="exit code 3"),
        Crew(store_settings, 2, threading.Event(), ["--drain"]) as together,
    ):
        assert together.through.wait(10)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score", "--workers", "2"], "kafka://HOST:PORT"),
        (["work"], "kafka://HOST:PORT"),
        (["score", "--engine", "workers"], "kafka://HOST:PORT"),
        (["score", "--workers", "2", "--engine", "flink"], "--engine workers, got flink"),
    ],
)
def test_workers_need_kafka_and_not_flink(store_settings, monkeypatch, arguments, said):
    """Said in one sentence, with the exit code of wrong use."""
    monkeypatch.setenv("VIGIL_HOME", str(store_settings.home))
    monkeypatch.setenv("VIGIL_STORE_URL", store_settings.store_url)
    monkeypatch.setenv("VIGIL_LOG_URL", "")
    # `vigil work` gives its process one thread: not this one.
    for name in ONE_THREAD:
        monkeypatch.setenv(name, "2")
    error = CliRunner().invoke(cli, arguments).exception
    assert isinstance(error, VigilError)
    assert error.exit_code == 2
    assert said in str(error)

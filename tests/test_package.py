"""What is shipped: the wheel holds everything that runs without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import yaml

from vigil.config import ROOT


def test_the_wheel_holds_pages_migrations_and_dagster_s_settings(tmp_path):
    """Files that are no Python are easily forgotten."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = [
        path.relative_to(ROOT)
        for folder in ("vigil/board/static", "vigil/stores/migrations", "vigil/servers")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert {str(path) for path in [*wanted, Path("jobs/dagster.yaml")]} <= names


def test_the_hooks_before_a_commit_run_what_lint_runs():
    """Two lists of checks would drift apart."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (ROOT / "Makefile").read_text().split("lint: $(STAMP)")[1].split("\n\n")[0]
    programs = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks}
    assert programs == {line.split("$(BIN)/")[1].split()[0] for line in lint.strip().splitlines()}

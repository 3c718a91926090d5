"""What the command line does before any command: little, and in time."""

import os
import subprocess
import sys

from vigil.cli.main import ALLOCATORS


def test_allocators_are_told_before_they_are_loaded():
    """polars and pyarrow read how to keep memory when they are imported, and never again."""
    program = """
import os, sys
from vigil.cli.main import ALLOCATORS, main
assert not {"polars", "pyarrow"} & set(sys.modules)
try:
    main(["--version"])
except SystemExit:
    pass
assert all(os.environ[name] == value for name, value in ALLOCATORS.items())
"""
    # polars has set its own choice in this process.
    environment = {name: value for name, value in os.environ.items() if name not in ALLOCATORS}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)

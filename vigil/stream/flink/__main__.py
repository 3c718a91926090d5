"""`python -m vigil.stream.flink`: submit the job, from Flink's own environment."""

import argparse
import logging
import sys

from vigil.config import load_settings
from vigil.errors import VigilError
from vigil.stream.flink.options import options_from


def main() -> int:
    """Submit to a cluster, or run in this process where none is named."""
    parser = argparse.ArgumentParser(prog="python -m vigil.stream.flink", description=__doc__)
    parser.add_argument("--checkpoints", required=True, help="folder (URI) that all machines reach")
    parser.add_argument(
        "--jobmanager", default="", help="HOST:PORT of its REST; none: a mini cluster"
    )
    parser.add_argument(
        "--savepoint", default="", help="savepoint or retained checkpoint to resume"
    )
    parser.add_argument("--parallelism", type=int, default=1, help="slots to use (default 1)")
    parser.add_argument(
        "--shards", type=int, default=16, help="fixed for the life of its state (16)"
    )
    parser.add_argument("--checkpoint-s", type=float, default=10.0, help="seconds between (10)")
    parser.add_argument("--start", default="earliest", help="earliest, committed or epoch ms")
    asked = vars(parser.parse_args())
    logging.basicConfig(level=logging.INFO)
    jobmanager, savepoint = asked.pop("jobmanager"), asked.pop("savepoint")
    try:
        options = options_from(load_settings(), **asked)
    except VigilError as error:
        print(f"vigil: {error}", file=sys.stderr)
        return error.exit_code
    from vigil.stream.flink.job import build

    env = build(options, jobmanager, savepoint)
    if jobmanager:
        print(env.execute_async("vigil").get_job_id())
    else:
        env.execute("vigil")
    return 0


if __name__ == "__main__":
    sys.exit(main())

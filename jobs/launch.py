"""`python -m jobs.launch`: materialise a range as real runs of this instance.

Prints one JSON object a line: {"asset", "state", "rows"} as steps start and end, so that a caller
can show progress. Promotion is not done here: the sensor sees the new challenger and decides.
Exit code 1 when a run fails.
"""

import argparse
import sys
from datetime import datetime, timedelta

import dagster as dg
import orjson
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from jobs.definitions import defs

DEFAULT_JOBS = ("take_snapshots", "build_features", "train")


def say(**facts: object) -> None:
    """One line for the caller."""
    print(orjson.dumps(facts, default=str).decode(), flush=True)


def run(
    instance: dg.DagsterInstance, job: str, config: dict | None = None, tags: dict | None = None
) -> bool:
    """Execute a job here and tell of its assets; False when it failed."""
    say(job=job, state="started")
    result = defs.resolve_job_def(job).execute_in_process(
        run_config=config, instance=instance, tags=tags, raise_on_error=False
    )
    # A range of partitions gives one event each; they tell the same.
    made = {
        event.materialization.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    for asset, metadata in made.items():
        rows = metadata.get("dagster/row_count")
        say(asset=asset, rows=rows and rows.value)
    for failure in result.all_events:
        if failure.is_step_failure:
            error = failure.step_failure_data.error
            say(step=failure.step_key, state="failed", error=error.message if error else "")
    say(job=job, state="finished" if result.success else "failed", run_id=result.run_id)
    return result.success


def partition_range(start_at: datetime, end_at: datetime, form: str, step: timedelta) -> dict:
    """Tags that make one run of all partitions from start to end."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: start_at.strftime(form),
        ASSET_PARTITION_RANGE_END_TAG: (end_at - step).strftime(form),
    }


def main() -> int:
    """Snapshots, features and training of the asked range, in this order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--start", required=True, help="first hour, ISO 8601, UTC")
    parser.add_argument("--end", required=True, help="end (not included), ISO 8601, UTC")
    parser.add_argument("--job", action="append", help="only this job; may be repeated")
    asked = parser.parse_args()
    start_at, end_at = datetime.fromisoformat(asked.start), datetime.fromisoformat(asked.end)
    hour, day = timedelta(hours=1), timedelta(days=1)
    last_day = (end_at - hour).replace(hour=0) + day
    train = {"config": {"start": asked.start, "end": asked.end}}
    plan: dict[str, tuple[dict | None, dict | None]] = {
        "take_snapshots": (None, partition_range(start_at, end_at, "%Y-%m-%d-%H:%M", hour)),
        "build_features": (None, partition_range(start_at, last_day, "%Y-%m-%d", day)),
        "train": (
            {"ops": dict.fromkeys(("training_set", "backtests", "challenger"), train)},
            None,
        ),
        "review": (None, None),
    }
    with dg.DagsterInstance.get() as instance:
        return int(not all(run(instance, job, *plan[job]) for job in asked.job or DEFAULT_JOBS))


if __name__ == "__main__":
    sys.exit(main())

"""The time range of a run, and file names that follow from it."""

from datetime import datetime
from pathlib import Path

import dagster as dg


def range_of(context: dg.AssetExecutionContext) -> tuple[datetime, datetime]:
    """Start and end of all partitions of this run."""
    window = context.partition_time_window
    return window.start, window.end


def range_path(folder: Path, start_at: datetime, end_at: datetime) -> Path:
    """One file a range: a rerun replaces it."""
    return folder / f"{start_at:%Y%m%dT%H%M}-{end_at:%Y%m%dT%H%M}.parquet"

"""Options that benchmarks of detectors share."""

from pathlib import Path

import click

NAMES = (
    "vigil",
    "rolling_mad",
    "seasonal_mad",
    "windowed_gaussian",
    "half_space_trees",
    "darts_kmeans",
    "sktime_hampel",
)

data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Dataset folder.  [default: VIGIL_DATASETS]"
)
detector_option = click.option(
    "--detector",
    "detectors",
    multiple=True,
    type=click.Choice(NAMES),
    help="Run only this one; may be repeated.  [default: all]",
)

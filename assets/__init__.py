"""Dagster assets: one file a stage, thin on top of vigil."""

import warnings

import dagster as dg

# Single-run backfills are beta in Dagster and used here knowingly: reading the log once a range
# instead of once an hour is the difference between seconds and minutes.
warnings.filterwarnings("ignore", ".*backfill_policy.*", dg.BetaWarning)

"""Dagster assets: one file a stage, thin on top of vigil."""

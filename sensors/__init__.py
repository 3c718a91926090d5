"""Sensors: they decide, jobs act."""

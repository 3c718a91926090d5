"""Checks of an installation: what is wrong, and how to mend it."""

from vigil.doctor.examine import examine
from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding

__all__ = ["NOTE", "OK", "PROBLEM", "Finding", "examine"]

"""Detectors: past points in, calibrated decisions out."""

from vigil.detect.online import (
    Decisions,
    DetectorSettings,
    MetricKind,
    Observations,
    OnlineDetector,
    Prior,
)

__all__ = [
    "Decisions",
    "DetectorSettings",
    "MetricKind",
    "Observations",
    "OnlineDetector",
    "Prior",
]

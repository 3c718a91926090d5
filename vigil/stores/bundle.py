"""The model bundle: what the workbench promotes and the stream loads, without any code in it.

A directory with `manifest.json` (who, from what, how good) and `arrays.safetensors` (what scoring
needs). Written under another name first and renamed when complete and on disk, so that a reader
never sees half of one.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from safetensors import SafetensorError
from safetensors.numpy import load, save

from vigil.errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"
ARRAYS = "arrays.safetensors"

# A profile says what a usual day or week looks like; after this long nobody knows any more.
PROFILE_VALID_S = 28 * 86_400.0


@dataclass(frozen=True, slots=True)
class BundleArrays:
    """Arrays of s series, h forecast steps and k profile steps.

    series_id int64 (s,), ascending; origin_s float64 (s,), end of training in epoch seconds;
    step_s float64 (s,); forecast float32 (s, h), step i covers origin_s + i·step_s onwards;
    profile float32 (s, k), the usual value over one season from Monday 00:00 UTC;
    season_s float64 (s,); spread float32 (s,), robust standard deviation of the residuals;
    quantiles float32 (s, q), residuals at the manifest's `quantile_levels`.
    """

    series_id: np.ndarray
    origin_s: np.ndarray
    step_s: np.ndarray
    forecast: np.ndarray
    profile: np.ndarray
    season_s: np.ndarray
    spread: np.ndarray
    quantiles: np.ndarray


# 1970-01-05 was a Monday.
_MONDAY_S = 4 * 86_400.0


class Bundle:
    """A loaded bundle; `prior` answers for any series and time."""

    def __init__(
        self, manifest: Mapping[str, Any], arrays: BundleArrays, hindsight: bool = False
    ) -> None:
        self.manifest = manifest
        self.arrays = arrays
        self._hindsight = hindsight

    @property
    def bundle_id(self) -> str:
        """Name of the bundle in the registry."""
        return str(self.manifest["bundle_id"])

    def in_hindsight(self) -> "Bundle":
        """The same, which answers with its profile for times before its training ended too."""
        return Bundle(self.manifest, self.arrays, hindsight=True)

    def prior(self, series_id: np.ndarray, time_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(expected, spread), float64 (n,), NaN for series and times that it does not know.

        Inside the forecast's horizon that is the forecast, later the profile, for four weeks.
        """
        known = self.arrays
        n = len(series_id)
        if not len(known.series_id) or not n:
            return np.full(n, np.nan), np.full(n, np.nan)
        row = np.searchsorted(known.series_id, series_id).clip(0, len(known.series_id) - 1)
        found = known.series_id[row] == series_id
        age_s = time_s - known.origin_s[row]
        step = np.floor(age_s / known.step_s[row])
        ahead = (step >= 0) & (step < known.forecast.shape[1])
        forecast = known.forecast[row, step.clip(0, known.forecast.shape[1] - 1).astype(int)]
        # Series of coarser steps have fewer of them in the same horizon: the rest is NaN.
        known_ahead = ahead & np.isfinite(forecast)
        expected = np.where(known_ahead, forecast, self._usual(row, time_s)).astype(float)
        early = (age_s < 0) & (not self._hindsight)
        expected[~found | early | (age_s > PROFILE_VALID_S)] = np.nan
        spread = np.where(np.isfinite(expected), known.spread[row], np.nan).astype(float)
        return expected, spread

    def _usual(self, row: np.ndarray, time_s: np.ndarray) -> np.ndarray:
        known = self.arrays
        season_s = known.season_s[row]
        share = ((time_s - _MONDAY_S) % season_s) / season_s
        slot = np.floor(share * known.profile.shape[1]).astype(int)
        return known.profile[row, slot.clip(0, known.profile.shape[1] - 1)]


def write_bundle(folder: Path, manifest: Mapping[str, Any], arrays: BundleArrays) -> Path:
    """Write `folder/<bundle_id>` and return its path; one that exists is replaced whole."""
    order = np.argsort(arrays.series_id)
    columns = {
        name: np.ascontiguousarray(getattr(arrays, name)[order]) for name in BundleArrays.__slots__
    }
    content = save(columns)
    document = {**manifest, "format": FORMAT, "arrays_sha256": hashlib.sha256(content).hexdigest()}
    target = folder / str(manifest["bundle_id"])
    partial = folder / f".{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _write_durably(partial / ARRAYS, content)
    _write_durably(partial / MANIFEST, orjson.dumps(document, option=orjson.OPT_INDENT_2))
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return target


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def load_bundle(path: Path) -> Bundle:
    """Read and verify a bundle; raises BundleError when damaged or made by a newer Vigil."""
    try:
        manifest = orjson.loads((path / MANIFEST).read_bytes())
        content = (path / ARRAYS).read_bytes()
    except (OSError, orjson.JSONDecodeError) as error:
        raise BundleError(f"bundle {path} cannot be read: {error}") from error
    if manifest.get("format", 0) > FORMAT:
        raise BundleError(
            f"bundle {path.name} has format {manifest['format']}, this Vigil reads up to {FORMAT}:"
            f" it needs Vigil {manifest.get('minimum_vigil', 'of a later version')}"
        )
    if hashlib.sha256(content).hexdigest() != manifest.get("arrays_sha256"):
        raise BundleError(f"bundle {path.name} is damaged: {ARRAYS} has another checksum")
    try:
        arrays = BundleArrays(**load(content))
    except (SafetensorError, TypeError) as error:
        raise BundleError(f"bundle {path.name} is damaged: {error}") from error
    return Bundle(manifest, arrays)


def new_bundle_id(made_at: datetime, data_hash: str) -> str:
    """Sortable by time, and tied to the data."""
    return f"{made_at:%Y%m%dT%H%M%S}-{data_hash[:8]}"

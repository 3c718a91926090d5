"""Objectives as code: OpenSLO YAML, checked strictly; an error names file, document and field.

Of OpenSLO v1 Vigil takes documents of kind SLO with an inline indicator. Its metric source is of
type `vigil`: which of the requests that Vigil counts are good ones. Other kinds are left alone.

Specification: https://github.com/OpenSLO/OpenSLO
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from vigil.errors import InputError

UNITS_S = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
SELECTORS = ("tenant", "environment", "cloud", "region", "service", "route", "method")
Kind = Literal["availability", "latency", "freshness"]


@dataclass(frozen=True, slots=True)
class Objective:
    """What share of requests must be good over a rolling window.

    kind: availability (no server error), latency (at most `limit`, ms) or freshness (a window has
    traffic within the last `limit` seconds). select: key column → value of the requests that count.
    target: share in (0, 1). window_s: length of the rolling window.
    """

    name: str
    kind: Kind
    select: dict[str, str]
    limit: float | None
    target: float
    window_s: int


def in_words(select: Mapping[str, str]) -> str:
    """Which requests count, as `service=checkout, region=eu-1`."""
    return ", ".join(f"{column}={value}" for column, value in select.items())


def _seconds(text: Any) -> int:
    found = re.fullmatch(r"([1-9]\d*)([mhdw])", str(text))
    if not found:
        raise ValueError(f"must be a number and one of m, h, d, w, as in 28d, got {text!r}")
    return int(found[1]) * UNITS_S[found[2]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Metadata(BaseModel):
    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]


class _Source(_Strict):
    """Which requests count and what makes them good."""

    indicator: Kind
    select: dict[Literal[SELECTORS], str] = {}  # type: ignore[valid-type]
    limit_ms: Annotated[float, Field(gt=0)] | None = None
    limit_s: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _limit_fits(self) -> "_Source":
        needed = {"availability": None, "latency": "limit_ms", "freshness": "limit_s"}
        for name in ("limit_ms", "limit_s"):
            given, wanted = getattr(self, name) is not None, needed[self.indicator] == name
            if given != wanted:
                rule = "is needed" if wanted else "has no meaning"
                raise ValueError(f"{name} {rule} for the indicator {self.indicator!r}")
        return self


class _MetricSource(_Strict):
    type: Literal["vigil"]
    spec: _Source


class _Good(_Strict):
    metricSource: _MetricSource


class _Ratio(_Strict):
    counter: bool = True
    good: _Good


class _IndicatorSpec(_Strict):
    ratioMetric: _Ratio


class _Indicator(_Strict):
    metadata: _Metadata | None = None
    spec: _IndicatorSpec


class _TimeWindow(_Strict):
    duration: Annotated[str, AfterValidator(lambda text: (_seconds(text), text)[1])]
    isRolling: Literal[True]


class _Target(_Strict):
    target: Annotated[float, Field(gt=0, lt=1)]
    displayName: str = ""


class _Spec(_Strict):
    description: str = ""
    service: str
    indicator: _Indicator
    timeWindow: Annotated[list[_TimeWindow], Field(min_length=1, max_length=1)]
    budgetingMethod: Literal["Occurrences"] = "Occurrences"
    objectives: Annotated[list[_Target], Field(min_length=1, max_length=1)]


class _Document(_Strict):
    apiVersion: Literal["openslo/v1"]
    kind: Literal["SLO"]
    metadata: _Metadata
    spec: _Spec

    def objective(self) -> Objective:
        source = self.spec.indicator.spec.ratioMetric.good.metricSource.spec
        return Objective(
            name=self.metadata.name,
            kind=source.indicator,
            select={"service": self.spec.service, **source.select},
            limit=source.limit_ms or source.limit_s,
            target=self.spec.objectives[0].target,
            window_s=_seconds(self.spec.timeWindow[0].duration),
        )


def read_objectives(path: Path) -> list[Objective]:
    """All objectives of a YAML file with one or more documents.

    Raises InputError that names file, document, field, rule and value; also for a name given twice
    and a file without any SLO.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text()))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    found: list[Objective] = []
    for number, document in enumerate(documents, start=1):
        if not isinstance(document, dict):
            raise InputError(f"{path}, document {number}: must be a mapping, got {document!r}")
        if document.get("kind") not in (None, "SLO"):
            continue
        found.append(_parsed(document, f"{path}, document {number}"))
    names = [objective.name for objective in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InputError(f"{path}: metadata.name must be given once, got {twice!r} twice")
    if not found:
        raise InputError(f"{path} holds no document of kind SLO")
    return found


def _parsed(document: dict[str, Any], place: str) -> Objective:
    try:
        return _Document.model_validate(document).objective()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        rule = first["msg"].removeprefix("Value error, ")
        rule = rule[0].lower() + rule[1:]
        given = first["input"]
        said = f", got {given!r}" if not isinstance(given, dict) and "got" not in rule else ""
        raise InputError(f"{place}: {field}: {rule}{said}") from error

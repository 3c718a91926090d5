"""Reads a policy file; an error names place, value, rule and the nearest valid name."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import yaml
from pydantic import BaseModel, ValidationError

from vigil.alerts.channels import KINDS
from vigil.alerts.policy.schema import Policy, Route, unknown
from vigil.config import Settings
from vigil.errors import ConfigError
from vigil.kibana.dashboards import INCIDENTS

_VARIABLE = re.compile(r"\$\{(\w+)\}")
_QUOTED = re.compile(r"got '([^']*)'")
_KNOWN = re.compile(r"\(([^)]*)\)")


def configured_policy(settings: Settings) -> Policy:
    """The policy that VIGIL_POLICY names, or the default; raises ConfigError.

    Messages lead to VIGIL_KIBANA_URL where the policy has no link to Kibana of its own.
    """
    if settings.policy:
        policy = load_policy(Path(settings.policy).expanduser())
    else:
        policy = default_policy(settings.webhook_url)
    if not settings.kibana_url or policy.links.kibana:
        return policy
    links = policy.links.model_copy(update={"kibana": kibana_link(settings.kibana_url)})
    return policy.model_copy(update={"links": links})


def kibana_link(url: str) -> str:
    """Template of the address where Kibana's incident dashboard shows one incident.

    >>> kibana_link("https://me:secret@kibana:5601/ops").partition("#")[0]
    'https://kibana:5601/ops/app/dashboards'
    """
    parts = urlsplit(url)
    address = urlunsplit(
        (parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", "")
    )
    # Kibana's state is Rison; the alert's fields come in quoted for an address.
    return (
        f"{address}/app/dashboards#/view/{INCIDENTS.dashboard_id}"
        "?_g=(time:(from:'{opened_at}',to:now))"
        "&_a=(query:(language:kuery,query:'incident_id%20:%20%22{incident_id}%22'))"
    )


def load_policy(path: Path) -> Policy:
    """The policy of a file; raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"VIGIL_POLICY: {path} cannot be read: {reason}") from error
    return parse_policy(text, str(path), path.parent)


def parse_policy(text: str, place: str = "policy", folder: Path = Path()) -> Policy:
    """The policy of a text. Calendars are looked for in `folder`.

    `${NAME}` in a channel's settings is replaced by the environment variable, so that the file
    holds no secret.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{place}: must be YAML: {said}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{place}: must hold fields such as channels and route, got {document!r}")
    if isinstance(document.get("channels"), dict):
        document["channels"] = _with_variables(document["channels"], place)
    try:
        policy = Policy.model_validate(document, context={"folder": folder})
    except ValidationError as error:
        raise ConfigError(f"{place}: {_sentence(error)}") from error
    for where, problem in _references(policy):
        raise ConfigError(f"{place}: {where}: {problem}{_nearest_in(problem)}")
    return policy


def default_policy(webhook_url: str = "") -> Policy:
    """Everything to the terminal, and to the webhook where one is set."""
    channels: dict[str, dict[str, Any]] = {"terminal": {"kind": "terminal"}}
    if webhook_url:
        channels["webhook"] = {"kind": "webhook", "url": webhook_url}
    return Policy(channels=channels, route=Route(receivers=list(channels)))


def _with_variables(value: Any, place: str) -> Any:
    if isinstance(value, dict):
        return {key: _with_variables(item, place) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_variables(item, place) for item in value]
    if not isinstance(value, str):
        return value

    def lookup(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ConfigError(f"{place}: channels: the variable {found[1]} must be set, it is not")
        return os.environ[found[1]]

    return _VARIABLE.sub(lookup, value)


def _sentence(error: ValidationError) -> str:
    """The first problem, with its place."""
    first = _first(error)
    where = ""
    for part in first["loc"]:
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    where = where.lstrip(".")
    if first["type"] == "extra_forbidden":
        names = _fields_at(first["loc"][:-1])
        return f"{where}: must be a known field{_nearest(str(first['loc'][-1]), names)}"
    if first["type"] == "missing":
        return f"{where}: must be given"
    message = first["msg"].removeprefix("Value error, ")
    got = "" if "got " in message else f", got {first['input']!r}"
    return f"{where}: {message}{got}{_nearest_in(message + got)}"


def _first(error: ValidationError) -> Any:
    """A misspelt field explains a missing one."""
    problems = error.errors()
    return min(problems, key=lambda problem: problem["type"] != "extra_forbidden")


def _fields_at(path: tuple[int | str, ...]) -> list[str]:
    """Names of the fields of the model at a place in the file."""
    model: Any = Policy
    for part in path:
        if isinstance(part, str) and isinstance(model, type) and issubclass(model, BaseModel):
            by_name = {
                field.alias or name: field.annotation for name, field in model.model_fields.items()
            }
            model = _inner(by_name.get(part))
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [field.alias or name for name, field in model.model_fields.items()]


def _inner(annotation: Any) -> Any:
    """The model inside of list[…], dict[str, …] or … | None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _inner(argument)
        if found is not None:
            return found
    return Route if annotation == "Route" else None


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if close:
        return f"; the nearest is {close[0]!r}"
    return f"; known are {', '.join(known)}" if known else ""


def _nearest_in(problem: str) -> str:
    """The nearest of the names that a message lists, to the value that it quotes."""
    quoted, known = _QUOTED.search(problem), _KNOWN.search(problem)
    if quoted is None or known is None or ", " not in known[1]:
        return ""
    close = difflib.get_close_matches(quoted[1], known[1].split(", "), n=1, cutoff=0.5)
    return f"; the nearest is {close[0]!r}" if close else ""


def _references(policy: Policy) -> Iterator[tuple[str, str]]:
    """Names that lead nowhere, and channels of no kind."""
    for name, settings in policy.channels.items():
        kind = settings.get("kind")
        if kind not in KINDS:
            yield f"channels.{name}.kind", unknown("kind of channel", str(kind), KINDS)
            continue
        try:
            KINDS[str(kind)].settings.model_validate(
                {key: value for key, value in settings.items() if key != "kind"}
            )
        except ValidationError as error:
            first = _first(error)
            fields = list(KINDS[str(kind)].settings.model_fields)
            part = str(first["loc"][0]) if first["loc"] else ""
            if first["type"] == "extra_forbidden":
                yield f"channels.{name}.{part}", f"must be a known field{_nearest(part, fields)}"
            else:
                where = f"channels.{name}" + (f".{part}" if part else "")
                yield where, first["msg"].removeprefix("Value error, ")
    if policy.route.receivers is None and policy.route.escalation is None:
        yield "route", "the root must have receivers or an escalation, so that nothing is lost"
    yield from _route_references(policy, policy.route, "route")
    receivers: list[tuple[str, str]] = [
        (f"escalations.{name}.steps[{number}].receivers", receiver)
        for name, escalation in policy.escalations.items()
        for number, step in enumerate(escalation.steps)
        for receiver in step.receivers
    ]
    receivers += [
        (f"limits[{n}].receiver", limit.receiver) for n, limit in enumerate(policy.limits)
    ]
    receivers += [("delivery.fallback", name) for name in policy.delivery.fallback]
    for where, receiver in receivers:
        if receiver not in policy.channels:
            yield where, unknown("channel", receiver, policy.channels)


def _route_references(policy: Policy, route: Route, where: str) -> Iterator[tuple[str, str]]:
    named: list[tuple[str, str, str, Mapping[str, Any]]] = [
        ("receivers", "channel", receiver, policy.channels) for receiver in route.receivers or ()
    ]
    if route.escalation is not None:
        named.append(("escalation", "escalation", route.escalation, policy.escalations))
    if route.hours is not None:
        named.append(("hours", "set of hours", route.hours, policy.hours))
    for field, kind, name, known in named:
        if name not in known:
            yield f"{where}.{field}", unknown(kind, name, known)
    for number, child in enumerate(route.routes):
        yield from _route_references(policy, child, f"{where}.routes[{number}]")

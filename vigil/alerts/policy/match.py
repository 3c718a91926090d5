"""Matchers: which incidents a rule is about."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

# Field of a matcher → field of the alert document; a list matches when any of its items does.
FIELDS: Mapping[str, str] = {
    "service": "services",
    "origin": "origin",
    "severity": "severity",
    "owner": "owner",
    "environment": "environments",
    "tenant": "tenants",
    "stream": "stream",
    "incident": "incident_id",
}

Matcher = Mapping[str, Sequence[str]]


def matches(matcher: Matcher, document: Mapping[str, Any]) -> bool:
    """True where every field has one of its values; `*` and `?` are wildcards.

    >>> matches({"service": ["pay*"]}, {"services": ["orders", "payments"]})
    True
    >>> matches({"service": ["pay*"], "severity": ["critical"]}, {"services": ["payments"]})
    False
    """
    return all(
        any(
            fnmatchcase(found, wanted)
            for found in _values(document.get(FIELDS[field]))
            for wanted in patterns
        )
        for field, patterns in matcher.items()
    )


def _values(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]


def matcher_words(matcher: Matcher) -> str:
    """A matcher as people read it."""
    if not matcher:
        return "everything"
    return ", ".join(f"{field} {' or '.join(values)}" for field, values in matcher.items())

"""The routing tree: which receivers, escalation and hours an incident comes to."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vigil.alerts.policy.match import matcher_words, matches
from vigil.alerts.policy.schema import Policy, Route


@dataclass(frozen=True, slots=True)
class Target:
    """A route that applies; what it does not say itself it has from its parents."""

    receivers: tuple[str, ...]
    escalation: str | None
    hours: str | None
    reason: str


def route(policy: Policy, document: Mapping[str, Any]) -> list[Target]:
    """The deepest matching routes, in order of the file.

    Of the children the first that matches is taken, and the next ones too while it says
    `continue`. A node counts itself only when none of its children matches.
    """
    root = Target((), None, None, "")
    return list(_walk(policy.route, document, root))


def _walk(node: Route, document: Mapping[str, Any], parent: Target) -> Iterator[Target]:
    here = Target(
        parent.receivers if node.receivers is None else tuple(node.receivers),
        node.escalation or parent.escalation,
        node.hours or parent.hours,
        matcher_words(node.match),
    )
    found = False
    for child in node.routes:
        if matches(child.match, document):
            found = True
            yield from _walk(child, document, here)
            if not child.go_on:
                break
    if not found:
        yield here

"""Raw paths to route templates: ids become placeholders, so that series stay few."""

import re

import polars as pl

_SEGMENTS = (
    (re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"), "{uuid}"),
    (re.compile(r"[^/@\s]+@[^/@\s]+\.[A-Za-z]{2,}"), "{email}"),
    (re.compile(r"\d{4}-\d{2}-\d{2}"), "{date}"),
    (re.compile(r"\d+"), "{id}"),
    (re.compile(r"(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}"), "{hash}"),
    (re.compile(r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{20,}"), "{token}"),
)


def route_template(path: str) -> str:
    """The template of a raw path; a template stays as it is.

    >>> route_template("/orders/1234/items/7?page=2")
    '/orders/{id}/items/{id}'
    >>> route_template("/v1/users/{user}")
    '/v1/users/{user}'
    """
    path = path.partition("?")[0].partition("#")[0]
    return "/".join(_segment(part) for part in path.split("/"))


def _segment(part: str) -> str:
    for pattern, placeholder in _SEGMENTS:
        if pattern.fullmatch(part):
            return placeholder
    return part


def with_route_templates(records: pl.DataFrame) -> pl.DataFrame:
    """Records whose `route` is a template; each distinct path is looked at once."""
    paths = records["route"].drop_nulls().unique().to_list()
    changed = {path: found for path in paths if (found := route_template(path)) != path}
    if not changed:
        return records
    return records.with_columns(pl.col("route").replace(changed))

"""Bounds on how many routes and keys a sender can make, whatever it sends.

Every distinct key costs memory in the scorer for as long as it lives. Raw paths are turned into
templates by their shape before; what is left are names (`/users/alice`), which are learned here,
and attacks, which end in keys called `__other__`.
"""

import logging
from dataclasses import dataclass, field

import polars as pl

from vigil.events.schema import KEY_COLUMNS

log = logging.getLogger("vigil.collect")

OTHER = "__other__"
NAME = "{name}"

# More different segments than this at one place of a path are names of things, not of routes.
SEGMENTS = 64
KEYS_PER_TENANT = 10_000
# Beyond its keys a tenant gets as many again for services whose routes are not told apart.
TENANTS = 1_000
NODES_PER_TENANT = 50_000


@dataclass(slots=True)
class _Tenant:
    """What is known of a tenant: segments by place, and the keys admitted."""

    children: dict[tuple[str | None, str], set[str]] = field(default_factory=dict)
    nodes: int = 0
    keys: set[tuple[str | None, ...]] = field(default_factory=set)
    services: set[tuple[str | None, ...]] = field(default_factory=set)
    warned: bool = False


@dataclass(slots=True)
class KeyLimit:
    """Keeps the keys of each tenant few; its memory is bounded by the constants above.

    The first keys that come are kept. It starts anew with the process.
    """

    keys_per_tenant: int = KEYS_PER_TENANT
    _tenants: dict[str | None, _Tenant] = field(default_factory=dict)

    def apply(self, records: pl.DataFrame) -> pl.DataFrame:
        """Records with learned route templates, and `__other__` where there are too many keys."""
        found = records.select(KEY_COLUMNS).unique(maintain_order=True)
        admitted = [self._admit(key) for key in found.iter_rows()]
        if admitted == found.rows():
            return records
        names = [f"admitted_{name}" for name in KEY_COLUMNS]
        schema = dict.fromkeys(names, pl.String)
        mapping = found.hstack(pl.DataFrame(admitted, schema=schema, orient="row"))
        joined = records.join(
            mapping, on=list(KEY_COLUMNS), how="left", nulls_equal=True, maintain_order="left"
        )
        return joined.with_columns(
            pl.col(f"admitted_{name}").alias(name) for name in KEY_COLUMNS
        ).drop(names)

    def _admit(self, key: tuple[str | None, ...]) -> tuple[str | None, ...]:
        tenant, environment, cloud, region, service, route, method = key
        if tenant not in self._tenants and len(self._tenants) >= TENANTS:
            tenant = OTHER
        known = self._tenants.setdefault(tenant, _Tenant())
        if route is not None:
            route = _learned(known, service, route)
        place = (environment, cloud, region)
        whole = (tenant, *place, service, route, method)
        if whole in known.keys:
            return whole
        if len(known.keys) < self.keys_per_tenant:
            known.keys.add(whole)
            return whole
        self._warn(tenant, known)
        without_route = (tenant, *place, service, OTHER, None)
        if without_route in known.services:
            return without_route
        if len(known.services) < self.keys_per_tenant // 10:
            known.services.add(without_route)
            return without_route
        return (tenant, None, None, None, OTHER, OTHER, None)

    def _warn(self, tenant: str | None, known: _Tenant) -> None:
        if not known.warned:
            known.warned = True
            log.warning(
                "tenant %s has more than %d keys (service, route, method …): further routes are"
                " counted together as %s",
                tenant or "(none)",
                self.keys_per_tenant,
                OTHER,
            )


def _learned(known: _Tenant, service: str | None, route: str) -> str:
    """The route with names in place of segments that are too many to be routes."""
    if not route.startswith("/"):
        return route
    prefix, parts = "", route.split("/")[1:]
    for part in parts:
        children = known.children.get((service, prefix))
        if children is None:
            if known.nodes >= NODES_PER_TENANT:
                # No more is learned; the limit of keys holds all the same.
                return route
            children = known.children[service, prefix] = set()
        segment = part
        if NAME in children and not part.startswith("{"):
            segment = NAME
        elif part not in children:
            if len(children) >= SEGMENTS and not part.startswith("{"):
                known.nodes -= len(children)
                # Templates that were found by their shape stay as they are.
                children.difference_update([item for item in children if item[:1] != "{"])
                segment = NAME
            known.nodes += 1
            children.add(segment)
        prefix = f"{prefix}/{segment}"
    return prefix

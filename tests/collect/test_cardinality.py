"""However many routes come, keys stay few."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vigil.collect.receive.cardinality import OTHER, SEGMENTS, KeyLimit
from vigil.events.schema import KEY_COLUMNS


def records(routes, service="shop", tenant="acme"):
    """Records of one service."""
    columns = dict.fromkeys(KEY_COLUMNS, [None] * len(routes))
    columns |= {"route": routes, "service": [service] * len(routes), "n": range(len(routes))}
    columns["tenant"] = [tenant] * len(routes)
    return pl.DataFrame(columns, schema_overrides=dict.fromkeys(KEY_COLUMNS, pl.String))


def test_few_routes_stay_as_they_are():
    """The same frame comes back."""
    given = records(["/a", "/b/{id}", "/a", None, "GET /x"])
    assert KeyLimit().apply(given).equals(given)


def test_segments_that_are_too_many_are_names():
    """Learned as they come, at any depth, for each service alone; rows keep their order."""
    limit = KeyLimit()
    users = [f"/users/u{chr(97 + n // 26)}{chr(97 + n % 26)}/cart" for n in range(SEGMENTS)]
    assert limit.apply(records(users))["route"].to_list() == users
    after = limit.apply(records([*users[:2], "/users/new/cart", "/users/{id}/cart", "/health"]))
    assert after["route"].to_list()[2:] == ["/users/{name}/cart", "/users/{id}/cart", "/health"]
    again = limit.apply(records(users[:2]))
    assert again["route"].to_list() == ["/users/{name}/cart"] * 2
    assert limit.apply(records(users[:1], "other"))["route"].to_list() == users[:1]


def test_a_tenant_has_so_many_keys_and_then_others(caplog):
    """Said once; other tenants are not touched; known keys go on."""
    limit = KeyLimit(keys_per_tenant=20)
    routes = [f"rpc/{n}" for n in range(30)]
    found = limit.apply(records(routes))
    assert found["route"].to_list() == routes[:20] + [OTHER] * 10
    assert limit.apply(records(routes))["route"].to_list() == routes[:20] + [OTHER] * 10
    assert limit.apply(records(routes[25:], tenant="b"))["route"].to_list() == routes[25:]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_services_are_bounded_as_well():
    """An attack that invents services ends in one key."""
    limit = KeyLimit(keys_per_tenant=10)
    keys = set()
    for number in range(1_000):
        [row] = limit.apply(records(["/"], service=f"s{number}")).select(KEY_COLUMNS).rows()
        keys.add(row)
    assert len(keys) == 10 + 1 + 1


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text("/ab{}1", max_size=12), max_size=60))
def test_no_record_is_lost(routes):
    """Order and number are kept, whatever the routes are."""
    found = KeyLimit(keys_per_tenant=5).apply(records(routes))
    assert found["n"].to_list() == list(range(len(routes)))


def test_memory_is_bounded():
    """A hundred thousand different deep routes leave a bounded number of nodes and keys."""
    limit = KeyLimit(keys_per_tenant=100)
    for start in range(0, 100_000, 10_000):
        limit.apply(records([f"/x{n}/y{n}/z{n}" for n in range(start, start + 10_000)]))
    [known] = limit._tenants.values()
    assert len(known.keys) + len(known.services) <= 110
    assert sum(map(len, known.children.values())) < 60_000


@pytest.mark.parametrize("route", ["", "/", "//", "/a//b", "/{id}"])
def test_odd_routes_are_routes(route):
    """Nothing is read into them."""
    assert KeyLimit().apply(records([route]))["route"].to_list() == [route]

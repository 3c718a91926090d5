"""The simulated estate: 12 services in three environments, and the journeys through them."""

from collections.abc import Iterator
from dataclasses import dataclass

TENANT = "shop"


@dataclass(frozen=True, slots=True)
class Environment:
    """A place where services run."""

    name: str
    cloud: str | None
    region: str


ONPREM = Environment("onprem", None, "dc-1")
AWS = Environment("aws-prod", "aws", "eu-west-1")
AZURE = Environment("azure-prod", "azure", "westeurope")
ENVIRONMENTS = (ONPREM, AWS, AZURE)


@dataclass(frozen=True, slots=True)
class Hop:
    """A request to one service; its own time is log-normal around `own_ms`.

    Children are called one after the other, or all at once when `parallel`.
    """

    service: str
    environment: Environment
    method: str
    route: str
    own_ms: float
    children: tuple["Hop", ...] = ()
    parallel: bool = False
    sigma: float = 0.35
    error_ratio: float = 0.002

    def walk(self) -> Iterator["Hop"]:
        """This hop and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def path_to(self, service: str, environment: str | None) -> Iterator["Hop"]:
        """Hops whose latency contains that of the service: itself and its callers."""
        below = [hop for child in self.children for hop in child.path_to(service, environment)]
        here = self.service == service and environment in (None, self.environment.name)
        if here or below:
            yield self
        yield from below


@dataclass(frozen=True, slots=True)
class Journey:
    """What a user does: a share of all traffic, a peak hour (UTC), a weekend factor."""

    name: str
    root: Hop
    share: float
    peak_h: float
    weekend: float
    swing: float = 0.6


def _journeys() -> tuple[Journey, ...]:
    ledger = Hop("ledger", ONPREM, "POST", "/entries", 6)
    charge = Hop("payments", AZURE, "POST", "/payments", 45, (ledger,))
    order = Hop(
        "orders",
        AWS,
        "POST",
        "/orders",
        18,
        (Hop("inventory", AWS, "PUT", "/stock/{sku}", 9), charge),
    )
    checkout = Hop(
        "gateway",
        ONPREM,
        "POST",
        "/checkout",
        5,
        (Hop("cart", AWS, "GET", "/carts/{id}", 7), order),
    )
    product_aws = Hop("catalog", AWS, "GET", "/products/{id}", 11)
    browse = Hop(
        "gateway", AWS, "GET", "/products/{id}", 4,
        (product_aws, Hop("inventory", AWS, "GET", "/stock/{sku}", 6)), parallel=True,
    )  # fmt: skip
    query = Hop("search", AWS, "POST", "/query", 28, (Hop("catalog", AWS, "GET", "/products", 14),))
    search = Hop("gateway", AWS, "GET", "/search", 4, (query,))
    mobile = Hop(
        "gateway", AZURE, "GET", "/home", 4,
        (
            Hop("catalog", AZURE, "GET", "/products", 15),
            Hop("search", AZURE, "GET", "/suggestions", 33),
        ),
        parallel=True,
    )  # fmt: skip
    session = Hop(
        "auth", AZURE, "POST", "/sessions", 22, (Hop("users", ONPREM, "GET", "/users/{id}", 8),)
    )
    login = Hop("gateway", AZURE, "POST", "/login", 5, (session,))
    shipment = Hop("shipping", AZURE, "GET", "/shipments/{id}", 16)
    status = Hop(
        "gateway", ONPREM, "GET", "/orders/{id}", 5,
        (Hop("orders", AWS, "GET", "/orders/{id}", 12, (shipment,)),),
    )  # fmt: skip
    token = Hop(
        "auth", ONPREM, "POST", "/tokens", 12, (Hop("users", ONPREM, "GET", "/users/{id}", 8),)
    )
    partner = Hop("gateway", ONPREM, "POST", "/partner/orders", 6, (token, order))
    notice = Hop("mail", AWS, "POST", "/messages", 24)
    callback = Hop(
        "gateway", AZURE, "POST", "/callbacks", 4,
        (Hop("payments", AZURE, "PUT", "/payments/{id}", 14, (ledger,)), notice),
    )  # fmt: skip
    return (
        Journey("web checkout", checkout, 0.14, 19.0, 1.15),
        Journey("browse", browse, 0.22, 20.0, 1.2),
        Journey("search", search, 0.18, 20.5, 1.1),
        Journey("mobile home", mobile, 0.16, 21.0, 1.25),
        Journey("login", login, 0.12, 18.0, 0.95),
        Journey("order status", status, 0.10, 12.0, 0.8),
        Journey("partner order", partner, 0.04, 11.0, 0.3, swing=0.8),
        Journey("payment callback", callback, 0.04, 19.5, 1.1),
    )


JOURNEYS = _journeys()
SERVICES = tuple(dict.fromkeys(hop.service for journey in JOURNEYS for hop in journey.root.walk()))
